// A crowded machine: processes that wait, each tenth in front of a terminal of its own, and sockets. Usage: crowd PROCESSES PTYS SOCKETS.
// Prints the pids, one a line, then "ready"; ends all of them when its input ends.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static void fail(const char *what) {
  perror(what);
  kill(0, SIGKILL);
  exit(1);
}

/** Waits with the name of a shell; `terminal` is its controlling terminal where it has one. */
static void wait_there(const char *terminal) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_NAME, terminal ? "bash" : "waits");
  if (terminal) {
    setsid();
    int tty = open(terminal, O_RDWR);
    if (tty < 0 || ioctl(tty, TIOCSCTTY, 0) < 0 || dup2(tty, 0) < 0) _exit(1);
    tcsetpgrp(tty, getpid());
  }
  for (;;) pause();
}

static void start(const char *terminal) {
  pid_t pid = fork();
  if (pid < 0) fail("fork");
  if (pid == 0) wait_there(terminal);
  printf("%d\n", pid);
}

/** Pairs of connected sockets over loopback. */
static void connect_all(int sockets) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 128) < 0) fail("listen");
  getsockname(listener, (struct sockaddr *)&address, &size);
  for (int i = 0; i < sockets / 2; i++) {
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client < 0 || connect(client, (struct sockaddr *)&address, size) < 0) fail("connect");
    if (accept4(listener, NULL, NULL, SOCK_CLOEXEC) < 0) fail("accept");
  }
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  int processes = atoi(argv[1]), ptys = atoi(argv[2]), sockets = atoi(argv[3]);
  struct rlimit files = {.rlim_cur = 20000, .rlim_max = 20000};
  if (setrlimit(RLIMIT_NOFILE, &files) < 0) fail("setrlimit");
  setpgid(0, 0);
  for (int i = 0; i < ptys; i++) {
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0) fail("posix_openpt");
    char name[64];
    if (ptsname_r(master, name, sizeof name) != 0) fail("ptsname_r");
    start(name);
  }
  for (int i = ptys; i < processes; i++) start(NULL);
  connect_all(sockets);
  printf("ready\n");
  fflush(stdout);
  char end;
  while (read(0, &end, 1) > 0) continue;
  signal(SIGTERM, SIG_IGN);
  kill(0, SIGTERM);
  return 0;
}
