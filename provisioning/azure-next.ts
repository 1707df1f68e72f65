/** What an operator does with a template of Azure. */
import type { AzureSpec } from './spec.ts'

/** The first deployment, and one of a VM that is there: that one gets its tags to keep. */
export function azureNext({ slug }: AzureSpec, file: string): readonly string[] {
  const deploy = `az deployment group create --resource-group GROUP --template-file DIR/${file}`
  const given = '--parameters subnetId=SUBNET sshPublicKey="$(cat ~/.ssh/id_ed25519.pub)"'
  return [
    `${deploy} ${given}`,
    'to change the configuration of the VM that is there:',
    `az vm update --resource-group GROUP --name ${slug} --user-data DIR/idle-agent.yaml`,
    'to deploy it again, with the tags that it has (Azure refuses that where custom-data has changed):',
    `az vm show --resource-group GROUP --name ${slug} --query 'tags || \`{}\`' >tags.json`,
    `${deploy} ${given} existingTags=@tags.json`,
  ]
}
