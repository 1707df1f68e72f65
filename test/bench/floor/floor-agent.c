// The floor of `make bench`: the least that a steady idle check on EC2 can do. Written for this bench; it is no product, and stops nothing.
// Usage: floor-agent version | floor-agent STATE_FILE CORES NET_BYTES_PER_SECOND DISK_BYTES_PER_SECOND INPUT_SECONDS
// Above one of these limits, or with input in a terminal less than INPUT_SECONDS ago, the machine counts as busy.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { IDLE_MINUTES = 10, GAP_SECONDS = 300 };

/** Counters since boot, and the instance that they are of. */
struct sample {
  unsigned long long busy_ticks, net_bytes, disk_sectors;
  char instance[32];
};

/** Says why nothing is known, and leaves the state as it is: the gap then counts as activity. */
static void unknown(const char *what) {
  fprintf(stderr, "unknown: %s: %m\n", what);
  exit(1);
}

static FILE *open_proc(const char *path) {
  FILE *file = fopen(path, "re");
  if (!file) unknown(path);
  return file;
}

static unsigned long long read_cpu(void) {
  unsigned long long user, nice, system, irq, softirq;
  FILE *file = open_proc("/proc/stat");
  if (fscanf(file, "cpu %llu %llu %llu %*u %*u %llu %llu", &user, &nice, &system, &irq, &softirq) != 5) unknown("/proc/stat");
  fclose(file);
  return user + nice + system + irq + softirq;
}

static unsigned long long read_network(void) {
  char line[512], name[64];
  unsigned long long in, out, sum = 0;
  FILE *file = open_proc("/proc/net/dev");
  for (int at = 0; fgets(line, sizeof line, file); at++) {
    if (at < 2) continue; // the head of the table
    if (sscanf(line, " %63[^:]: %llu %*u %*u %*u %*u %*u %*u %*u %llu", name, &in, &out) != 3) unknown("/proc/net/dev");
    if (strcmp(name, "lo") != 0) sum += in + out;
  }
  fclose(file);
  return sum;
}

/** Sectors of 512 bytes, of whole disks: only those have a folder in /sys/block. */
static unsigned long long read_disks(void) {
  char line[512], name[64], path[96];
  unsigned long long in, out, sum = 0;
  FILE *file = open_proc("/proc/diskstats");
  while (fgets(line, sizeof line, file)) {
    if (sscanf(line, "%*u %*u %63s %*u %*u %llu %*u %*u %*u %llu", name, &in, &out) != 3) unknown("/proc/diskstats");
    snprintf(path, sizeof path, "/sys/block/%s", name);
    if (strncmp(name, "loop", 4) != 0 && access(path, F_OK) == 0) sum += in + out;
  }
  fclose(file);
  return sum;
}

/** Seconds since the last input in a terminal: the kernel keeps it as the time of access, to 8 s. */
static double read_input_age(void) {
  struct timespec now;
  struct stat terminal;
  double least = 1e9;
  DIR *folder = opendir("/dev/pts");
  if (!folder) unknown("/dev/pts");
  clock_gettime(CLOCK_REALTIME, &now);
  for (struct dirent *entry; (entry = readdir(folder));) {
    if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
    if (fstatat(dirfd(folder), entry->d_name, &terminal, 0) < 0) continue; // it has just been closed
    double age = difftime(now.tv_sec, terminal.st_atim.tv_sec);
    if (age < least) least = age;
  }
  closedir(folder);
  return least;
}

/** Sends one request to the simulated metadata service, on loopback and nowhere else, and returns the body. */
static char *ask(const char *request, char *answer, size_t size) {
  const char *endpoint = getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  unsigned short port;
  char rest[2];
  int parts = endpoint ? sscanf(endpoint, "http://127.0.0.1:%hu%1s", &port, rest) : 0;
  if (parts < 1 || (parts == 2 && *rest != '/')) {
    fprintf(stderr, "floor: AWS_EC2_METADATA_SERVICE_ENDPOINT must be http://127.0.0.1:PORT; this is for the bench alone\n");
    exit(2);
  }
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct timeval patience = {.tv_sec = 5};
  int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect(connection, (struct sockaddr *)&address, sizeof address) < 0) unknown("metadata");
  if (write(connection, request, strlen(request)) < 0) unknown("metadata");
  size_t length = 0;
  for (ssize_t got; length + 1 < size; length += got) {
    got = read(connection, answer + length, size - 1 - length);
    if (got < 0) unknown("metadata");
    if (got == 0) break;
  }
  close(connection);
  answer[length] = 0;
  char *body = strstr(answer, "\r\n\r\n");
  if (!body || strncmp(answer + 8, " 200 ", 5) != 0) unknown("metadata does not answer 200");
  return body + 4;
}

/** Who this instance is: IMDSv2, a token and then the identity document. */
static void read_instance(char *instance) {
  char request[1024], token[2048], document[4096];
  char *value = ask("PUT /latest/api/token HTTP/1.0\r\nX-aws-ec2-metadata-token-ttl-seconds: 60\r\n\r\n", token, sizeof token);
  snprintf(request, sizeof request,
           "GET /latest/dynamic/instance-identity/document HTTP/1.0\r\nX-aws-ec2-metadata-token: %s\r\n\r\n", value);
  char *id = strstr(ask(request, document, sizeof document), "\"instanceId\"");
  if (!id || sscanf(id, "\"instanceId\" : \"%31[i0-9a-f-]\"", instance) != 1) unknown("no instance id");
}

/** The state is whole or not there, and on the disk when this returns. */
static void save(const char *path, long long now, long long idle_since, const struct sample *sample) {
  char temporary[4096], folder[4096], text[256];
  snprintf(temporary, sizeof temporary, "%s.tmp", path);
  int length = snprintf(text, sizeof text, "%lld %lld\n%llu %llu %llu %s\n", now, idle_since, sample->busy_ticks,
                        sample->net_bytes, sample->disk_sectors, sample->instance);
  int file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0 || write(file, text, length) != length || fsync(file) < 0 || close(file) < 0) unknown(temporary);
  if (rename(temporary, path) < 0) unknown(path);
  snprintf(folder, sizeof folder, "%s", path);
  *strrchr(folder, '/') = 0;
  int directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0 || fsync(directory) < 0) unknown(folder);
}

/** What was in use since the check before, or NULL. A counter that went back counts as very much. */
static const char *activity(const struct sample *before, const struct sample *now, double seconds, char **limits) {
  if (strcmp(before->instance, now->instance) != 0) return "another instance";
  if (seconds <= 0 || seconds > GAP_SECONDS) return "nobody looked for a while";
  if (now->busy_ticks - before->busy_ticks > atof(limits[0]) * seconds * sysconf(_SC_CLK_TCK)) return "CPU";
  if (now->net_bytes - before->net_bytes > atof(limits[1]) * seconds) return "network";
  if (now->disk_sectors - before->disk_sectors > atof(limits[2]) * seconds / 512) return "disk";
  return read_input_age() < atof(limits[3]) ? "input in a terminal" : NULL;
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "version") == 0) return puts("floor-agent 1") < 0;
  if (argc != 6 || argv[1][0] != '/') return 2;
  struct sample before, sample;
  long long checked, idle_since;
  FILE *state = fopen(argv[1], "re");
  int known = state && fscanf(state, "%lld %lld %llu %llu %llu %31s", &checked, &idle_since, &before.busy_ticks,
                              &before.net_bytes, &before.disk_sectors, before.instance) == 6;
  if (state) fclose(state);
  sample.busy_ticks = read_cpu();
  sample.net_bytes = read_network();
  sample.disk_sectors = read_disks();
  read_instance(sample.instance);
  struct timespec clock;
  clock_gettime(CLOCK_BOOTTIME, &clock);
  long long now = clock.tv_sec * 1000LL + clock.tv_nsec / 1000000;
  const char *active = known ? activity(&before, &sample, (now - checked) / 1000.0, argv + 2) : "this is the first check";
  if (active) idle_since = now;
  save(argv[1], now, idle_since, &sample);
  long long minutes = (now - idle_since) / 60000;
  if (active) printf("active: %s\n", active);
  else printf("idle for %lld min%s\n", minutes, minutes >= IDLE_MINUTES ? ", would hibernate" : "");
  return 0;
}
