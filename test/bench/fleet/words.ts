// What docs/fleet.md says beside its figures.
export const how = `A fleet of which fewer than a hundred machines change in the same ten seconds meets none of this: EC2 takes a hundred writes of tags at once.

The agent's real decision, loop, tags, back-off and driver's errors (\`agent/\`), over a simulated transport and clock: one account and region with EC2's published
buckets (CreateTags 100 + 10/s; StopInstances 50 + 5/s; filtered Describe 100 + 20/s), and the SDK's own repetitions. Checks every two minutes by cron, all at the
same seconds; 0.2 to 2 s until a check looks. Clocks are up to half a second off, one in a hundred up to five minutes. Metadata of one machine in a hundred never
answers: it is never stopped nor tagged, and not counted below. One half of the machines has its tags in metadata, the other half asks DescribeTags before a stop.
Checks of which nothing can come are left out; \`test/bench/fleet/fleet.test.ts\` shows that the calls are the same.

The peer is \`test/bench/peer/idle-check.sh\`: it reads its tags at every check, and its CLI repeats a call twice.

Azure is not simulated: its Resource Manager counts writes by identity, one for each VM (200 + 10/s), and fifteen times as many for all of a subscription in a region,
150 a second: more than the 56 that the busiest second of a morning has.

In the tables: calls accepted + throttled; of the Describe calls first DescribeTags, then DescribeInstances. Calls a success: all that were sent, the SDK's repetitions
included, divided by those that were accepted. Delays: median, 95 %, 99 %, longest. Stops not made and tags wrong: at the end of the stretch. "Best" counts from the beginning
of the stretch until the last tag or stop, if every token is spent as it comes, by machines that know of each other. The cases: \`test/bench/fleet/cases.ts\`.`

export const patience =
  'Stops that seem later than a check are of machines that somebody started again soon after a stop: they wait longer at that hour of the day, and are counted here from the shorter wait.'

export const morning = `Everybody starts a machine within one hour, most of them in its middle, and stays; each boot has tags to put right. Ten writes a second are 2.8 hours for
100,000, whoever sends them. A machine that is throttled widens the window in which it writes its next tags (a quarter of an hour, two hours, three) and takes a
moment in it that its id gives; each first try that is accepted narrows it by a fiftieth, below an hour by a tenth. A tenth of the fleet before a tenth of the buckets
shows how it learns; "windows learned" are those, given to the whole fleet. With \`tag_window_minutes: 180\` the window is there from the first day. Status and reason
on the machine itself are never late, and no stop waits for a tag.

Why the last is later than 1.2 times the best: no machine knows of another one, so each counts its window from its own start. The buckets need 165 min for all, so the
window has at least that, and of those who start at the end of the hour somebody draws its end: 60 + 165 min are 1.37 times the best, and with a window of three hours
1.46 times. A shorter one asks for more than the buckets give.`

export const away = `100,000 are up; the API does not answer for an hour (one half of the requests gets an error, the other half nothing). In that hour 4 % become due to be
stopped, 3 % are left for eight minutes and 3 % are started; nothing else changes afterwards. The delays of the second row count from the end of the outage. What was
not answered is tried again in the next check, then at a moment of the next quarter of an hour that the machine's id gives, then every quarter. Nobody has learned a
window when the fleet comes up, over the three and a half hours before.

Why this is later than 1.2 times the best: the quarter of an hour in which the stops come again is longer than the bucket needs. Of the tags that came last most were
throttled while the fleet came up, and waited for a moment in a window of hours. What is wrong at the end is on machines that are off: right before the stop, which
waits for no tag, theirs were throttled, and stay as they were until the next start.`
