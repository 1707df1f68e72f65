/** The scenario corpus in the accuracy page: every scenario on every machine, and what naive detectors make of the same frames. */
import { captures } from '../../scenarios/corpus/captures.ts'
import { corpus } from '../../scenarios/corpus/corpus.ts'
import { peers } from '../../scenarios/corpus/peers.ts'
import { type Row, scoreCorpus, summarise, tableOf } from '../../scenarios/corpus/score.ts'

export interface CorpusScore {
  readonly rows: readonly Row[]
  /** What our own agent got wrong and nobody knew of: the bench fails by it. */
  readonly wrong: readonly string[]
}

/** Plays all of it; takes minutes. */
export async function playCorpus(): Promise<CorpusScore> {
  const rows = await scoreCorpus()
  const wrong = rows
    .filter(
      ({ who, problems, falseStop, knownWrong }) =>
        who === 'idle-agent' && (falseStop || (problems.length > 0 && !knownWrong)),
    )
    .map(({ scenario, variant, problems }) => `${scenario} (${variant}): ${problems[0] ?? 'a false stop'}`)
  return { rows, wrong }
}

/** The section of the page. */
export function corpusSection({ rows, wrong }: CorpusScore): string {
  const known = corpus.flatMap(({ id, knownWrong }) =>
    knownWrong === undefined ? [] : [`- \`${id}\`: ${knownWrong}.`],
  )
  const legend = peers.map(({ name, about }) => `"${name}": ${about}`).join('; ')
  return [
    '## Scenarios',
    `${corpus.length} scenarios (\`test/scenarios/corpus\`, written by hand from documented formats; beside them ${captures().length} captured in a guest, which the tests replay), each on up to 14 machines: 2, 8, 96 cores; checks that come late; another user in the opposite state; other names; cgroup v1, hybrid, none; a source missing.`,
    `False stop: while somebody needs the machine. Early: before threshold and stated hold are over. In time: within the guarantee. Missed: minutes that the machine stayed on beyond it, as far as the scenario is played (8 min more). Naive detectors, on the same frames: ${legend}.`,
    tableOf(summarise(rows)),
    ...(known.length === 0 ? [] : ['Known to be judged wrong, and counted above:', known.join('\n')]),
    ...(wrong.length === 0 ? [] : ['Judged wrong:', wrong.map((one) => `- ${one}`).join('\n')]),
  ].join('\n\n')
}
