/** What a command is begun with so that it runs as a user, with their group alone, and can become nobody else (setpriv(1)). */
export function asUser(uid: number, gid: number): readonly string[] {
  return ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--no-new-privs']
}
