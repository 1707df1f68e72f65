// Everything hangs at once. Apart from the fault table, which keeps this machine busy: here it is the time that counts.
import './stories/all-hanging.ts'
