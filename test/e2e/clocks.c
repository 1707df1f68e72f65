// Gives a process other clocks, while it runs: the wall clock, the time since boot and the monotonic clock, which no sleep
// moves, are ahead of the machine's by as many milliseconds as the file named in CLOCKS says, three numbers of 64 bits.
// Without any header, so that a compiler alone can build it.

struct timespec { long seconds, nanoseconds; };
struct timeval { long seconds, microseconds; };

extern char *getenv(const char *);
extern long syscall(long, ...);
extern void *mmap(void *, unsigned long, int, int, int, long);
extern int memfd_create(const char *, unsigned);
extern int dprintf(int, const char *, ...);
extern long lseek(int, long, int);
extern int strcmp(const char *, const char *);

#if defined(__x86_64__)
enum { CLOCK_GETTIME = 228, OPENAT = 257 };
#else
enum { CLOCK_GETTIME = 113, OPENAT = 56 };
#endif
enum { REALTIME = 0, MONOTONIC = 1, REALTIME_COARSE = 5, MONOTONIC_COARSE = 6, BOOTTIME = 7, HERE = -100 };

static const volatile long *ahead;

static int open_file(const char *path, int flags, int mode) {
  return syscall(OPENAT, HERE, path, flags, mode);
}

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("CLOCKS");
  if (path) ahead = mmap(0, 24, 1 /* read */, 1 /* shared */, open_file(path, 0, 0), 0);
}

int clock_gettime(int clock, struct timespec *now) {
  int result = syscall(CLOCK_GETTIME, clock, now);
  long ms = clock == REALTIME || clock == REALTIME_COARSE ? ahead[0]
    : clock == BOOTTIME ? ahead[1]
    : clock == MONOTONIC || clock == MONOTONIC_COARSE ? ahead[2] : 0;
  long nanoseconds = now->nanoseconds + ms % 1000 * 1000000;
  now->seconds += ms / 1000 + (nanoseconds >= 1000000000) - (nanoseconds < 0);
  now->nanoseconds = (nanoseconds + 1000000000) % 1000000000;
  return result;
}

int gettimeofday(struct timeval *now, void *zone) {
  struct timespec exact;
  clock_gettime(REALTIME, &exact);
  now->seconds = exact.seconds;
  now->microseconds = exact.nanoseconds / 1000;
  return 0;
}

long time(long *result) {
  struct timespec exact;
  clock_gettime(REALTIME, &exact);
  if (result) *result = exact.seconds;
  return exact.seconds;
}

static int uptime(void) {
  struct timespec now;
  int file = memfd_create("uptime", 0);
  clock_gettime(BOOTTIME, &now);
  dprintf(file, "%ld.%02ld 0.00\n", now.seconds, now.nanoseconds / 10000000);
  lseek(file, 0, 0);
  return file;
}

int open(const char *path, int flags, int mode) {
  return strcmp(path, "/proc/uptime") ? open_file(path, flags, mode) : uptime();
}

int open64(const char *path, int flags, int mode) {
  return open(path, flags, mode);
}
