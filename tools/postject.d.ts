// The one function of postject that the build calls; the package brings no types.
declare module 'postject' {
  /** Adds the data to the executable as a resource, and sets the fuse that makes Node look for it. */
  export function inject(
    ...args: readonly [executable: string, resource: string, data: Buffer, options: { readonly sentinelFuse: string }]
  ): Promise<void>
}
