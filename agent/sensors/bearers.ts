/** Services of the system in which people's work runs, and those of their processes that only wait for it (kernel.md 1.3). Data only. */

/** Names of units, without their suffix. Their CPU time is never taken for noise. */
export const bearers: RegExp =
  /^(ssh|sshd|cron|crond|anacron|atd|slurm|pbs|condor|sge|jupyter|code-server|openvscode|rstudio|posit|shiny|xrdp|vnc|x11vnc|dcv|nx|x2go|gdm|lightdm|sddm|display-manager|[\w-]*getty|run-|tmux|screen|mosh|tailscaled|teleport|cockpit|docker|containerd|podman|libpod|crio|nerdctl|buildkit|kube|k3s|k0s|rke2|microk8s|snap\.microk8s|libvirt|virt|lxc|lxd|snap\.lxd|incus|actions|gitlab-runner|buildbot|jenkins|teamcity|amazon-ssm-agent|snap\.amazon-ssm-agent|google-guest-agent|user@|idle-agent)/

/** Names of programs as the kernel cuts them, at 15 bytes: what such a service consists of while it serves nobody. */
export const waiters: ReadonlySet<string> = new Set([
  ...['sshd', 'cron', 'crond', 'atd', 'agetty', 'xrdp', 'xrdp-sesman', 'tailscaled'],
  ...['dockerd', 'containerd', 'docker-proxy', 'podman', 'crio', 'libvirtd', 'virtlogd', 'virtlockd'],
  ...['amazon-ssm-agen', 'ssm-agent-worke', 'google_guest_ag'],
])
