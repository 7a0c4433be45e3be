/**
 * A tap device that somebody holds open as QEMU does for a virtio card: with a header that carries checksums to be finished (IFF_VNET_HDR), and with what its guest takes
 * over (TUNSETOFFLOAD; linux/if_tun.h).
 */
import { spawn, type ChildProcess } from 'node:child_process';

const HOLD = `
  my ($name, $offload) = @ARGV;
  open my $tun, '+<', '/dev/net/tun' or die "/dev/net/tun: $!";
  my $request = pack 'a16 S x22', $name, 0x0002 | 0x1000 | 0x4000;  # IFF_TAP, IFF_NO_PI, IFF_VNET_HDR
  ioctl $tun, 0x400454ca, $request or die "TUNSETIFF: $!";
  $| = 1;
  do {
    ioctl $tun, 0x400454d0, $offload + 0 or die "TUNSETOFFLOAD: $!";
    print "$offload\n";
  } while ($offload = <STDIN>);
`;

export class HeldTap {
  private constructor(private readonly child: ChildProcess) {}

  /** The device is gone with \`close\`. */
  static async open(netns: string, name: string): Promise<HeldTap> {
    const argv = ['netns', 'exec', netns, 'perl', '-e', HOLD, name, '0'];
    const held = new HeldTap(spawn('ip', argv, { stdio: ['pipe', 'pipe', 'inherit'] }));
    await held.answer();
    return held;
  }

  /** Whether its guest leaves checksums to whoever carries its packets (TUN_F_CSUM). */
  async leaveChecksums(on: boolean): Promise<void> {
    const answer = this.answer();
    this.child.stdin?.write(`${on ? 1 : 0}\n`);
    await answer;
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.stdin?.end();
    await ended;
  }

  private answer(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.child.once('exit', (code) => reject(new Error(`the tap's holder ended with code ${code}`)));
      this.child.stdout?.once('data', () => resolve());
    });
  }
}
