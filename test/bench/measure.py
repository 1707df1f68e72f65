"""Runs one command for each JSON line on stdin and answers with what the kernel accounted for it (wait4), as a JSON line.

In Python because Node cannot ask for one child's usage. CPU includes the children that the command waited for; the peak
is that of the largest single process among them.
"""
import json
import os
import sys
import time

for line in sys.stdin:
    job = json.loads(line)
    write = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    files = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, job["stdout"], write, 0o600),
        (os.POSIX_SPAWN_OPEN, 2, job["stderr"], write, 0o600),
    ]
    began = time.monotonic()
    pid = os.posix_spawn(job["argv"][0], job["argv"], job["env"], file_actions=files)
    _, status, usage = os.wait4(pid, 0)
    wall = time.monotonic() - began
    answer = {
        "status": os.waitstatus_to_exitcode(status),
        "wallMs": wall * 1000,
        "userMs": usage.ru_utime * 1000,
        "systemMs": usage.ru_stime * 1000,
        "peakKib": usage.ru_maxrss,
    }
    print(json.dumps(answer), flush=True)
