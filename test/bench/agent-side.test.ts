// Where the bench can run.
import { expect, test } from 'vitest'
import { expectEc2 } from './agent-side.ts'

/** A check on a machine of that cloud, and its exit code. */
function look(cloud: string, exitCode = 0): Parameters<typeof expectEc2>[0] {
  const text = JSON.stringify({ host: { cloud } })
  return {
    argv: [process.execPath, '-e', `console.log(${JSON.stringify(text)}); process.exitCode = ${exitCode}`],
    env: {},
  }
}

test('runs where the check finds the simulated EC2', async () => {
  await expect(expectEc2(look('aws'))).resolves.toBeUndefined()
})

test.each(['azure', 'gcp'])('refuses a machine of %s, and says what it takes', async (cloud) => {
  await expect(expectEc2(look(cloud, 3))).rejects.toThrow(
    `this is a machine of ${cloud}, by its firmware, and the bench simulates EC2`,
  )
})

test('tells why the check could not be made', async () => {
  await expect(expectEc2({ argv: ['/bin/false'], env: {} })).rejects.toThrow('Command failed: /bin/false')
})
