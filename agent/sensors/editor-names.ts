/** What processes of remote editors are called; apart from what knows them, since every check asks. Data only. */
/** Names of processes that may be the server of a remote editor, or its extension host; their command lines tell. */
export const editorNames: RegExp =
  /^(node|MainThread|node-MainThread|code|code-|cursor|windsurf|codium|java$|remote-dev-serv|fleet|idea$|pycharm$|goland$|clion$|webstorm$|phpstorm$|rider$|rubymine$|datagrip$|rustrover$)/
