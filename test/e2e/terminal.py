# A real terminal with a shell at its prompt, and a way to run programs beside it: a line of JSON asks, a line answers.
import json
import os
import pty
import subprocess
import sys
import threading

screen = bytearray()
shell, master = pty.fork()
if shell == 0:
    os.environ.update(PS1="$ ", TERM="dumb")
    os.execvp("bash", ["bash", "--norc", "--noprofile"])


def read_screen():
    while True:
        try:
            screen.extend(os.read(master, 4096))
        except OSError:
            return


def run(argv, env):
    done = subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return {"code": done.returncode, "stdout": done.stdout, "stderr": done.stderr}


def answer(asked):
    if "type" in asked:
        os.write(master, asked["type"].encode())
        return {}
    if "run" in asked:
        return run(asked["run"], asked["env"])
    return {"screen": screen.decode(errors="replace"), "terminals": sorted(os.listdir("/dev/pts"))}


def serve(line):
    asked = json.loads(line)
    told = {"id": asked["id"], **answer(asked)}
    with speaking:
        print(json.dumps(told), flush=True)


speaking = threading.Lock()
threading.Thread(target=read_screen, daemon=True).start()
for line in sys.stdin:
    threading.Thread(target=serve, args=(line,), daemon=True).start()
