"""What `systemctl` does with the units of the deployment page, in a folder of their own: python systemctl.py ROOT verb unit …

Starts what a unit says, as the account that it names where we may be it, and ends it. No timers, no other options.
"""

import ctypes
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

PATIENCE = 20  # seconds to stop
REFUSE_EXEC_GAIN = (65, 1, 0, 0, 0)  # prctl: what MemoryDenyWriteExecute asks of the kernel


def main(root: Path, verb: str, units: list[str], now: bool) -> int:
    for name in units:
        if name.endswith(".timer") or verb == "daemon-reload" or (verb == "enable" and not now):
            continue
        pid_file = root / f"run/{name}.pid"
        if name == "nginx":
            command = [*os.environ["MADANG_TEST_NGINX"].split(), "-c", f"{root}/etc/nginx/nginx.conf"]
            if pid_file.exists() and (pid := pid_file.read_text().strip()):  # its -t leaves an empty one
                before = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
                subprocess.run([*command, "-s", "reload"], check=True)
                while any(is_alive(int(each)) for each in before):  # they answer by the old settings
                    time.sleep(0.02)
            else:
                subprocess.run(command, check=True)
            continue
        if verb in ("stop", "restart"):
            stop(pid_file)
        if verb in ("start", "restart", "enable") and (code := start(root, name, pid_file)):
            return code
    return 0


def start(root: Path, name: str, pid_file: Path) -> int:
    """Run a unit: to its end where it is `oneshot`, beside us where not; its exit code."""
    lines = (root / f"etc/systemd/system/{name}.service").read_text().splitlines()
    said = [line.partition("=")[::2] for line in lines if "=" in line and not line.startswith("#")]
    unit = dict(said)
    environ = {"PATH": os.environ["PATH"]}
    for file in (value for key, value in said if key == "EnvironmentFile"):
        words = (shlex.split(line, comments=True) for line in Path(file).read_text().splitlines())
        environ |= dict(word.split("=", 1) for parts in words for word in parts)
    uid = json.loads(os.environ["MADANG_TEST_ACCOUNTS"]).get(unit["User"])

    def become() -> None:
        os.umask(int(unit.get("UMask", "0022"), 8))
        if unit.get("MemoryDenyWriteExecute") == "yes":
            ctypes.CDLL(None).prctl(*REFUSE_EXEC_GAIN)
        if uid:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)

    with (root / f"run/{name}.log").open("ab") as log:
        for key in ("ExecCondition", "ExecStart"):
            if key not in unit:
                continue
            words = [word.replace("$$", "$") for word in shlex.split(unit[key])]
            process = subprocess.Popen(
                words,
                cwd=unit["WorkingDirectory"],
                env=environ,
                stdout=log,
                stderr=log,
                preexec_fn=become,
                start_new_session=True,
            )
            if unit.get("Type") != "oneshot":
                pid_file.write_text(str(process.pid))
                return 0
            if code := process.wait():
                return 0 if key == "ExecCondition" else code
    return 0


def stop(pid_file: Path) -> None:
    if not pid_file.exists():
        return
    pid = int(pid_file.read_text())
    pid_file.unlink()
    end = time.monotonic() + PATIENCE
    with suppress(ProcessLookupError):  # it has ended by itself
        os.kill(pid, signal.SIGTERM)
        while is_alive(pid):
            if time.monotonic() > end:
                os.killpg(pid, signal.SIGKILL)
            time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Is it there, and no mere entry of a process that has ended?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


if __name__ == "__main__":
    place, act, *others = sys.argv[1:]
    named = [other for other in others if not other.startswith("-")]
    sys.exit(main(Path(place), act, named, "--now" in others))
