// The peer asks nobody but this machine.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const metadata = 'AWS_EC2_METADATA_SERVICE_ENDPOINT'
const api = 'AWS_ENDPOINT_URL_EC2'
const here = 'http://127.0.0.1:9'

test.each([
  { name: 'without variables', env: {}, blamed: metadata },
  { name: 'without the API', env: { [metadata]: here }, blamed: api },
  { name: 'without metadata', env: { [api]: here }, blamed: metadata },
  {
    name: 'with the real metadata address',
    env: { [metadata]: 'http://169.254.169.254', [api]: here },
    blamed: metadata,
  },
  { name: 'with the real API', env: { [metadata]: here, [api]: 'https://ec2.eu-west-1.amazonaws.com' }, blamed: api },
  {
    name: 'with a name that only begins so',
    env: { [metadata]: 'http://127.0.0.1.example.com:80', [api]: here },
    blamed: metadata,
  },
  {
    name: 'with an address before an @',
    env: { [metadata]: here, [api]: 'http://127.0.0.1:9@example.com' },
    blamed: api,
  },
  { name: 'with a second line', env: { [metadata]: here, [api]: `${here}\nhttp://example.com:80` }, blamed: api },
])('refuses to run $name', ({ env, blamed }) => {
  const script = join(import.meta.dirname, 'peer/idle-check.sh')
  const { status, stdout, stderr } = spawnSync('/bin/bash', [script], {
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin', ...env },
  })
  expect({ status, stdout, stderr }).toEqual({
    status: 2,
    stdout: '',
    stderr: expect.stringContaining(`peer: ${blamed} must be`),
  })
})
