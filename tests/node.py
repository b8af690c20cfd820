"""Modules of the site's scripts, run outside a browser."""

import json
import subprocess
from typing import Any


def in_node(script: str, given: Any) -> Any:
    """What a module logs, as JSON; `given` stands there under this name."""
    source = f'import {{ readFileSync }} from "node:fs";\nconst given = JSON.parse(readFileSync(0, "utf8"));\n{script}'
    done = subprocess.run(
        ["node", "--input-type=module", "-e", source], input=json.dumps(given), capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
