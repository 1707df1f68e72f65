// Counting in the log of strace.
import { expect, test } from 'vitest'
import { countCalls } from './system-calls.ts'

const cases = [
  {
    name: 'an empty log',
    log: '',
    counts: { calls: 0, filesOpened: 0, bytesRead: 0, bytesWritten: 0, bytesStored: 0 },
  },
  {
    name: 'a file that was opened and read',
    log: '12 openat(AT_FDCWD, ""..., O_RDONLY|O_CLOEXEC) = 3\n12 read(3, ""..., 4096) = 832\n12 read(3, "", 4096) = 0\n',
    counts: { calls: 3, filesOpened: 1, bytesRead: 832, bytesWritten: 0, bytesStored: 0 },
  },
  {
    name: 'a file that is not there, and a read that has to wait',
    log: '12 openat(AT_FDCWD, ""..., O_RDONLY) = -1 ENOENT (No such file or directory)\n12 read(3, 0x7ff, 8) = -1 EAGAIN (Resource temporarily unavailable)\n',
    counts: { calls: 2, filesOpened: 0, bytesRead: 0, bytesWritten: 0, bytesStored: 0 },
  },
  {
    name: 'calls of two threads that interrupt each other, each counted once',
    log: '12 read(3,  <unfinished ...>\n13 openat(AT_FDCWD, ""..., O_RDONLY <unfinished ...>\n12 <... read resumed>""..., 64) = 10\n13 <... openat resumed>) = 4\n',
    counts: { calls: 2, filesOpened: 1, bytesRead: 10, bytesWritten: 0, bytesStored: 0 },
  },
  {
    name: 'what a socket gave and took, and what was printed',
    log: '12 recvfrom(5<socket:[8]>, ""..., 100, 0, NULL, NULL) = 7\n12 sendto(5<socket:[8]>, ""..., 100, 0, NULL, 0) = 100\n12 write(1</tmp/stdout>, ""..., 9) = 9\n',
    counts: { calls: 3, filesOpened: 0, bytesRead: 7, bytesWritten: 109, bytesStored: 0 },
  },
  {
    name: 'a file that was written in parts, and a write that failed',
    log: '12 pwrite64(13</var/a>, ""..., 10, 0) = 10\n12 writev(3</var/b=c>, [{iov_base=""..., iov_len=5}], 1) = 5\n12 write(3</var/b=c>, ""..., 9) = -1 ENOSPC (No space left on device)\n',
    counts: { calls: 3, filesOpened: 0, bytesRead: 0, bytesWritten: 15, bytesStored: 15 },
  },
  {
    name: 'writes of two threads that interrupt each other, one of them to a file',
    log: '12 write(3</a>, ""..., 64 <unfinished ...>\n13 write(4<socket:[8]>, ""..., 5 <unfinished ...>\n12 <... write resumed>) = 64\n13 <... write resumed>) = 5\n',
    counts: { calls: 2, filesOpened: 0, bytesRead: 0, bytesWritten: 69, bytesStored: 64 },
  },
  {
    name: 'a file that was opened and whose name has an equals sign',
    log: '12 openat(AT_FDCWD</root>, ""..., O_RDONLY) = 3</sys/a=b>\n',
    counts: { calls: 1, filesOpened: 1, bytesRead: 0, bytesWritten: 0, bytesStored: 0 },
  },
  {
    name: 'lines that are no calls',
    log: '12 --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED} ---\n12 +++ exited with 0 +++\n',
    counts: { calls: 0, filesOpened: 0, bytesRead: 0, bytesWritten: 0, bytesStored: 0 },
  },
  {
    name: 'an equals sign in the arguments',
    log: '12 recvmsg(5, {msg_namelen=0, msg_flags=0}, 0) = 20\n',
    counts: { calls: 1, filesOpened: 0, bytesRead: 20, bytesWritten: 0, bytesStored: 0 },
  },
] as const

test.each(cases)('counts $name', ({ log, counts }) => {
  expect(countCalls(log)).toEqual(counts)
})
