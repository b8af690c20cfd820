"""content/site.toml: the site's name, offices and menus. No files, no clock."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from civic.content.particulars import Contact
from civic.shape import Clash, Line, Many, SeoulTime, Shape, Slug, Text

READABLE = 4.5  # WCAG 2.2, 1.4.3


def contrast_on_white(colour: str) -> float:
    """The contrast of "#0b50d0" with white, 1 to 21. Source: WCAG 2.2, relative luminance."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    light = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 1.05 / (0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2] + 0.05)


class Series(Shape):
    """Lectures that belong together (`[series.<key>]` in site.toml)."""

    title: Line = Field(description="묶음 강좌의 이름")
    summary: Text = Field("", description="한두 문장 소개")


class MenuItem(Shape):
    """One entry of the main menu (`[[menu]]`)."""

    label: Line = Field(description="메뉴에 보이는 이름")
    to: Annotated[str, StringConstraints(pattern=r"^/([a-z0-9/-]*/)?$")] = Field(
        description="누리집 안의 주소. /로 시작하고 /로 끝납니다."
    )


class Banner(Shape):
    """An urgent notice on every page (`[banner]`)."""

    text: Line = Field(description="모든 화면 맨 위에 보일 긴급 알림 한두 문장")
    to: Text = Field("", description="‘자세히 보기’가 이어지는 주소")
    until: SeoulTime = Field(description="이때까지 보입니다.")


class Site(Shape):
    """content/site.toml: the site's name, offices and menus."""

    name: Line = Field(description="누리집 이름")
    organisation: Line = Field(description="운영 기관 이름")
    summary: Line = Field(description="누리집 소개 한 문장")
    base_url: str = Field(
        "http://127.0.0.1:8000",
        pattern=r"^https?://[^/]+$",
        description="공개 주소. 끝에 /를 붙이지 않습니다.",
    )
    address: str = Field("", max_length=200, description="기관 주소")
    official_banner: bool = Field(
        False, description="‘공식 전자정부 누리집’ 띠를 보일지. 실제 정부 누리집만 켭니다."
    )
    logo: str = Field(
        "",
        pattern=r"^([a-z0-9-]+\.(png|webp|jpg))?$",
        description="이름 앞의 그림. site.toml 옆에 두는 logo.png 같은 파일",
    )
    colour: str = Field(
        "",
        pattern=r"^(#[0-9a-f]{6})?$",
        description="링크와 단추의 색(#0b50d0처럼). 흰 바탕에서 읽을 수 있는 색만 됩니다.",
    )
    licence: Literal["", "kogl-1", "kogl-2", "kogl-3", "kogl-4"] = Field(
        "",
        description="글의 이용 조건(공공누리): kogl-1 출처표시, kogl-2 상업적 이용금지, kogl-3 변경금지, kogl-4 둘 다 금지",
    )
    banner: Banner | None = Field(None, description="긴급 알림")
    contact: Slug = Field(description="대표 문의 부서의 키")
    menu: Many[MenuItem] = Field(min_length=1, description="주 메뉴")
    departments: dict[Slug, Contact] = Field(description="부서 목록")
    series: dict[str, Series] = Field({}, description="묶음 강좌 목록")
    categories: dict[Slug, Line] = Field({}, description="분야의 키와 보이는 이름")

    def clashes(self) -> Iterator[Clash]:
        contrast = contrast_on_white(self.colour or "#000000")
        said = f"흰 바탕에서 읽기 어려운 색입니다(명도 대비 {contrast:.1f}, {READABLE} 이상이어야 합니다). 더 어둡게 고르세요"
        yield contrast < READABLE, said, "colour"
        said = f"contact의 부서가 departments에 없습니다: {self.contact}"
        yield self.contact not in self.departments, said
