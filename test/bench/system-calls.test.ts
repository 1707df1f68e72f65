// Counting in the log of strace.
import { expect, test } from 'vitest'
import { countCalls, type SystemCalls } from './system-calls.ts'

const none: SystemCalls = { calls: 0, filesOpened: 0, bytesRead: 0, bytesWritten: 0, bytesStored: 0 }

test.each<[what: string, log: string, counts: Partial<SystemCalls>]>([
  ['an empty log', '', {}],
  [
    'a file that was opened and read',
    '12 openat(AT_FDCWD, ""..., O_RDONLY|O_CLOEXEC) = 3\n12 read(3, ""..., 4096) = 832\n12 read(3, "", 4096) = 0\n',
    { calls: 3, filesOpened: 1, bytesRead: 832 },
  ],
  [
    'a file that is not there, and a read that has to wait',
    '12 openat(AT_FDCWD, ""..., O_RDONLY) = -1 ENOENT (No such file or directory)\n12 read(3, 0x7ff, 8) = -1 EAGAIN (Resource temporarily unavailable)\n',
    { calls: 2 },
  ],
  [
    'calls of two threads that interrupt each other, each counted once',
    '12 read(3,  <unfinished ...>\n13 openat(AT_FDCWD, ""..., O_RDONLY <unfinished ...>\n12 <... read resumed>""..., 64) = 10\n13 <... openat resumed>) = 4\n',
    { calls: 2, filesOpened: 1, bytesRead: 10 },
  ],
  [
    'what a socket gave and took, and what was printed',
    '12 recvfrom(5<socket:[8]>, ""..., 100, 0, NULL, NULL) = 7\n12 sendto(5<socket:[8]>, ""..., 100, 0, NULL, 0) = 100\n12 write(1</tmp/stdout>, ""..., 9) = 9\n',
    { calls: 3, bytesRead: 7, bytesWritten: 109 },
  ],
  [
    'a file that was written in parts, and a write that failed',
    '12 pwrite64(13</var/a>, ""..., 10, 0) = 10\n12 writev(3</var/b=c>, [{iov_base=""..., iov_len=5}], 1) = 5\n12 write(3</var/b=c>, ""..., 9) = -1 ENOSPC (No space left on device)\n',
    { calls: 3, bytesWritten: 15, bytesStored: 15 },
  ],
  [
    'writes of two threads that interrupt each other, one of them to a file',
    '12 write(3</a>, ""..., 64 <unfinished ...>\n13 write(4<socket:[8]>, ""..., 5 <unfinished ...>\n12 <... write resumed>) = 64\n13 <... write resumed>) = 5\n',
    { calls: 2, bytesWritten: 69, bytesStored: 64 },
  ],
  [
    'a file that was opened and whose name has an equals sign',
    '12 openat(AT_FDCWD</root>, ""..., O_RDONLY) = 3</sys/a=b>\n',
    { calls: 1, filesOpened: 1 },
  ],
  [
    'lines that are no calls',
    '12 --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED} ---\n12 +++ exited with 0 +++\n',
    {},
  ],
  [
    'an equals sign in the arguments',
    '12 recvmsg(5, {msg_namelen=0, msg_flags=0}, 0) = 20\n',
    { calls: 1, bytesRead: 20 },
  ],
])('counts %s', (_what, log, counts) => {
  expect(countCalls(log)).toEqual({ ...none, ...counts })
})
