// Makes ready what every guest needs, before tests run side by side: the host's packages and the cached Debian.
import { say, whyNoGuests } from './host.ts'
import { rootfs } from './rootfs.ts'

const why = whyNoGuests()
if (why === undefined) say(`root file system: ${rootfs()}`)
else process.stderr.write(`\nNO GUESTS HERE, NOTHING ABOUT THEM IS TESTED: ${why}\n\n`)
