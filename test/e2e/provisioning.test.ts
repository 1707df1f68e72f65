// What `provision` makes, given to programs that others wrote: the vendor's linter and command, moto's EC2 and IAM, Terraform.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import {
  CreateLaunchTemplateCommand,
  type CreateLaunchTemplateCommandInput,
  DescribeInstancesCommand,
  DescribeLaunchTemplateVersionsCommand,
} from '@aws-sdk/client-ec2'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { provision } from '../../provisioning/main.ts'
import { literals } from '../../provisioning/terraform.ts'
import { works } from '../clouds/programs.ts'
import { hasMoto, type Moto, startMoto } from './moto.ts'

const folder = 'test/provisioning/templates'
const onAws = readdirSync(folder).filter((name) => name.startsWith('aws'))

// Terraform asks its maker for news unless it is told not to; nothing here leaves this machine.
process.env['CHECKPOINT_DISABLE'] = '1'

const hasLinter = works('cfn-lint', 'cfn-lint', ['--version'])
const hasTerraform = works('terraform', 'terraform', ['version'])
const hasCommand = works('the aws command', 'aws', ['--version']) && hasMoto()

let out = ''
beforeAll(() => {
  out = mkdtempSync(join(tmpdir(), 'provisioned-'))
})
afterAll(() => rmSync(out, { recursive: true }))

/** Generates into a folder of its own. */
function written(name: string, format: string): { readonly files: string; readonly next: readonly string[] } {
  const files = join(out, `${name}-${format}`)
  const made = provision({ template: join(folder, name), cloud: undefined, format })
  made.write(files)
  return { files, next: made.commands(files) }
}

interface Ran {
  readonly status: number | null
  readonly text: string
}

function run(argv: readonly string[], input = ''): Ran {
  const [file = '', ...args] = argv
  const { status, stdout, stderr } = spawnSync(file, args, { input, encoding: 'utf8', timeout: 60_000 })
  return { status, text: `${stdout ?? ''}${stderr ?? ''}` }
}

test.skipIf(!hasLinter).each(onAws)('cfn-lint passes the stack of %s', { timeout: 60_000 }, (name) => {
  const { files } = written(name, 'cloudformation')
  expect(run(['cfn-lint', '--region', 'eu-west-1', '--', join(files, 'stack.json')])).toEqual({ status: 0, text: '' })
})

test.skipIf(!hasLinter)('cfn-lint does not pass a stack with a fault', { timeout: 60_000 }, () => {
  const path = join(out, 'wrong.json')
  const wrong = { Resources: { A: { Type: 'AWS::EC2::LaunchTemplate', Properties: { LaunchTemplateData: { X: 1 } } } } }
  writeFileSync(path, JSON.stringify(wrong))
  expect(run(['cfn-lint', '--', path]).status).not.toBe(0)
})

const hasTracer = works('strace', 'strace', ['-V'])

test.skipIf(!hasTracer)('nothing is run and nobody contacted while it generates', { timeout: 60_000 }, () => {
  const trace = join(out, 'trace')
  const argv = ['-f', '-qq', '-o', trace, '-e', 'trace=execve,execveat,socket,connect', resolve('dist/idle-agent')]
  for (const name of readdirSync(folder)) {
    const ran = run(['strace', ...argv, 'provision', '--template', join(folder, name), '--out', join(out, 'traced')])
    expect(ran.status).toBe(0)
    const calls = readFileSync(trace, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
    expect(calls.map((line) => /(\w+)\(/.exec(line)?.[1])).toEqual(['execve'])
  }
})

describe.skipIf(!hasTerraform)('Terraform', () => {
  test('takes each text as it is', { timeout: 60_000 }, () => {
    const dollar = '$'
    const braces = [`${dollar}{HOME}`, `${dollar}${dollar}{a}`, `${dollar}${dollar}${dollar}{b}`]
    const texts = [...braces, '%{if x}', '%%{d}', 'a"b\\c', '$x %y {z}', 'ä\n\t', '&{e}']
    const place = mkdtempSync(join(out, 'locals-'))
    writeFileSync(join(place, 'main.tf.json'), JSON.stringify({ locals: { texts: literals(texts) } }))
    const { text } = run(['terraform', `-chdir=${place}`, 'console'], 'base64encode(jsonencode(local.texts))\n')
    const [encoded = ''] = /[A-Za-z0-9+/]{8,}=*/.exec(text) ?? [text]
    expect(JSON.parse(Buffer.from(encoded, 'base64').toString())).toEqual(texts)
  })

  test.each(readdirSync(folder))('reads the configuration of %s', { timeout: 60_000 }, (name) => {
    const { files } = written(name, 'terraform')
    const { status, text } = run(['terraform', `-chdir=${files}`, 'providers'])
    expect(text).toContain(
      name.startsWith('aws')
        ? 'provider[registry.terraform.io/hashicorp/aws]'
        : 'provider[registry.terraform.io/hashicorp/azurerm]',
    )
    expect(status).toBe(0)
  })
})

/** A folder of Terraform's providers, which its registry gives: nothing here asks it. */
const plugins = process.env['TERRAFORM_PLUGINS']
if (plugins === undefined)
  process.stderr.write('SKIPPED: TERRAFORM_PLUGINS names no folder of providers: schemas are not looked at\n')

test.skipIf(!hasTerraform || plugins === undefined).each(onAws)(
  'the provider of AWS takes %s',
  { timeout: 120_000 },
  (name) => {
    const { files } = written(name, 'terraform')
    const init = run(['terraform', `-chdir=${files}`, 'init', '-backend=false', `-plugin-dir=${plugins ?? ''}`])
    expect(init).toMatchObject({ status: 0 })
    expect(run(['terraform', `-chdir=${files}`, 'validate'])).toMatchObject({ status: 0 })
  },
)

describe.skipIf(!hasCommand)('the commands that it prints, against moto', { timeout: 120_000 }, () => {
  let moto: Moto
  beforeAll(async () => {
    moto = await startMoto()
  }, 60_000)
  afterAll(() => moto.close())

  /** As printed, but for where the API is, and for the image: moto has no public parameters. */
  function follow(line: string): Ran {
    const words = line.split(' ').map((word) => word.replace(/^'|'$/g, ''))
    const image = words.includes('run-instances') ? ['--image-id', 'ami-0123456789abcdef0', '--count', '1'] : []
    const env = {
      ...process.env,
      AWS_ACCESS_KEY_ID: 'any',
      AWS_SECRET_ACCESS_KEY: 'any',
      AWS_DEFAULT_REGION: 'eu-west-1',
    }
    const argv = [...words.slice(1), ...image, '--endpoint-url', moto.url, '--output', 'json']
    const { status, stdout, stderr } = spawnSync(words[0] ?? '', argv, { env, encoding: 'utf8', timeout: 60_000 })
    return { status, text: status === 0 ? stdout : stderr }
  }

  // moto wants a size for every disk, where EC2 takes that of the image.
  const sized = onAws.filter((name) => name !== 'aws-image.yaml')

  test.each(sized)('launch %s', async (name) => {
    const { next } = written(name, 'launch-template')
    const commands = next.filter((line) => line.startsWith('aws '))
    const results = commands.map((line) => ({ line, ...follow(line) }))
    // The account has the role from the first template on.
    const failed = results.filter(({ status, text }) => status !== 0 && !/EntityAlreadyExists|LimitExceeded/.test(text))
    expect(failed).toEqual([])
    const [{ InstanceId: id = '' } = {}] = (
      JSON.parse(results.find(({ line }) => line.includes('run-instances'))?.text ?? '{}') as {
        Instances: { InstanceId: string }[]
      }
    ).Instances
    const { spec } = provision({ template: join(folder, name), cloud: undefined, format: undefined })
    const ec2 = moto.client()
    try {
      const versions = await ec2.send(new DescribeLaunchTemplateVersionsCommand({ LaunchTemplateName: spec.slug }))
      const data = versions.LaunchTemplateVersions?.[0]?.LaunchTemplateData
      expect(data).toMatchObject({
        InstanceType: spec.size.name,
        IamInstanceProfile: { Name: expect.stringMatching(/^CloudWorkstation-Instance-Profile/) },
        InstanceInitiatedShutdownBehavior: 'stop',
        MetadataOptions: {
          HttpTokens: 'required',
          HttpPutResponseHopLimit: 1,
          InstanceMetadataTags: spec.cloud === 'aws' && spec.metadataTags ? 'enabled' : 'disabled',
        },
        HibernationOptions: { Configured: spec.hibernation },
        BlockDeviceMappings: [
          { Ebs: { Encrypted: true, ...(spec.diskGib === undefined ? {} : { VolumeSize: spec.diskGib }) } },
        ],
      })
      const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [id] }))
      const instance = Reservations?.[0]?.Instances?.[0]
      expect(instance?.InstanceType).toBe(spec.size.name)
      expect(Object.fromEntries(instance?.Tags?.map(({ Key, Value }) => [Key, Value]) ?? [])).toMatchObject(spec.tags)
    } finally {
      ec2.destroy()
    }
  })

  test.each(sized)('the SDK writes all of the launch template of %s, and reads it back', async (name) => {
    const made = provision({ template: join(folder, name), cloud: undefined, format: 'launch-template' })
    const text = made.files.find((file) => file.name === 'launch-template.json')?.text.toString() ?? ''
    const input = JSON.parse(text) as CreateLaunchTemplateCommandInput
    const ec2 = moto.client()
    try {
      const LaunchTemplateName = `${String(input.LaunchTemplateName)}-sdk`
      await ec2.send(new CreateLaunchTemplateCommand({ ...input, LaunchTemplateName }))
      const { LaunchTemplateVersions } = await ec2.send(
        new DescribeLaunchTemplateVersionsCommand({ LaunchTemplateName }),
      )
      expect(LaunchTemplateVersions?.[0]?.LaunchTemplateData).toEqual(input.LaunchTemplateData)
    } finally {
      ec2.destroy()
    }
  })
})
