// Where the bench can run.
import { expect, test } from 'vitest'
import { expectEc2 } from './agent-side.ts'

/** A check on a machine of that cloud. */
function look(cloud: string): Parameters<typeof expectEc2>[0] {
  const text = JSON.stringify({ host: { cloud } })
  return { argv: [process.execPath, '-e', `console.log(${JSON.stringify(text)})`], env: {} }
}

test('runs where the check finds the simulated EC2', async () => {
  await expect(expectEc2(look('aws'))).resolves.toBeUndefined()
})

test.each(['azure', 'gcp'])('refuses a machine of %s, and says what it takes', async (cloud) => {
  await expect(expectEc2(look(cloud))).rejects.toThrow(
    `this is a machine of ${cloud}, by its firmware, and the bench simulates EC2`,
  )
})
