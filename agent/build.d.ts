// What the build writes into the executable: version, commit and the commit's date.

/** The version in package.json. */
declare const __VERSION__: string
/** Twelve digits of the commit, followed by `-dirty` when the tree differed from it. */
declare const __COMMIT__: string
/** When that commit was made, ISO 8601 in UTC. */
declare const __COMMIT_DATE__: string
