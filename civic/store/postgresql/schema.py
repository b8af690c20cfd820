"""Is the database as the store needs it, and what brings it there? Never touches an entry."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, exc, text

from civic.errors import Misuse
from civic.store.postgresql.connection import Limits, engine_for, is_outage, shown

MIGRATE_LOCK = 5_262_342  # any number, the same everywhere: two hosts that migrate at once take turns
RUN_MIGRATE = "python -m forms_api migrate 를 실행하세요."


def migrate(url: str) -> tuple[str, str]:
    """Bring the tables to the newest form; nothing happens when they are there already.

    Returns the revisions before ("" for an empty database) and after. All steps in one transaction: a
    step that fails leaves the database as it was. Raises Misuse when the server cannot be reached.
    """
    engine = engine_for(url, Limits(connections=1, lock=60, statement=3600, idle=3600))
    try:
        with reached(engine) as connection, connection.begin():
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATE_LOCK})
            before = revision(connection)
            config = settings()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            return before, revision(connection)
    finally:
        engine.dispose()


def check(engine: Engine) -> str:
    """May the store work on this database? Returns its synchronous_commit; raises Misuse with what to do."""
    with reached(engine) as connection:
        level, fsync = (str(value) for value in connection.execute(text(SETTINGS)).one())
        if level == "off" or fsync == "off":
            name = "fsync" if fsync == "off" else "synchronous_commit"
            raise Misuse(
                f"PostgreSQL의 {name}가 off입니다. 접수했다고 답한 신청이 정전 때 사라질 수 있어 시작하지 않습니다. "
                f"서버, 데이터베이스, 사용자 설정에서 {name} = on 으로 고치세요. ({shown(engine)})"
            )
        found = revision(connection)
    if found != head():
        state = f"판이 {found}이고 필요한 판은 {head()}입니다" if found else "비어 있습니다"
        raise Misuse(f"데이터베이스가 {state}. {RUN_MIGRATE} ({shown(engine)})")
    return level


def check_sealed(engine: Engine) -> None:
    """Refuse sealed entries of whose data key nothing is known: a new key would not open them. Raises Misuse."""
    with reached(engine) as connection:
        lost = connection.execute(text(WITHOUT_KEY)).scalars().all()
    if lost:
        raise Misuse(
            f"봉인된 신청이 있는데 감싼 열쇠(keys 표)가 없습니다: {', '.join(lost)}. 새 열쇠로는 지난 신청을 열 수 없어 "
            f"시작하지 않습니다. 백업에서 keys 표를 되살리세요. ({shown(engine)})"
        )


# Rounds first: they are few, and entries are looked at only where a key is missing.
WITHOUT_KEY = """
SELECT DISTINCT subject FROM rounds
WHERE NOT EXISTS (SELECT FROM keys WHERE keys.subject = rounds.subject)
    AND EXISTS (SELECT FROM entries WHERE entries.subject = rounds.subject AND entries.sealed <> '')
ORDER BY subject
"""
SETTINGS = "SELECT current_setting('synchronous_commit'), current_setting('fsync')"


def head() -> str:
    """The newest revision this program knows."""
    return ScriptDirectory.from_config(settings()).get_current_head() or ""


def revision(connection: Connection) -> str:
    """The revision the database is at; "" when it has no tables of ours."""
    return MigrationContext.configure(connection).get_current_revision() or ""


def settings() -> Config:
    """Alembic's settings by code: where the steps are; no file, no logging."""
    config = Config()
    config.set_main_option("script_location", "civic.store:migrations")
    config.set_main_option("path_separator", "os")
    return config


def why(error: BaseException | None) -> str:
    """The server's or the system's own words for an outage, in one line."""
    words = str(getattr(error, "orig", error)).split()
    return " ".join(words)[:300]


def reached(engine: Engine) -> Connection:
    """A connection, or Misuse with the address and the server's own reason (never the password)."""
    try:
        return engine.connect()
    except exc.SQLAlchemyError as err:
        if not is_outage(err) or not isinstance(err, exc.DBAPIError):
            raise
        reason = why(err)
        raise Misuse(f"PostgreSQL 서버에 연결하지 못했습니다: {shown(engine)} ({reason})") from err
