/** The definition of a libvirt domain (https://libvirt.org/formatdomain.html) for a guest of the lab. */

export interface Domain {
  readonly name: string;
  /** Paths seen from the node. */
  readonly kernel: string;
  readonly initrd: string;
  /** Also the domain's own: a lab that is mended defines it once more. */
  readonly portId: string;
  readonly mac: string;
  readonly mtuBytes: number;
  /** A Linux bridge that joins it to br-int; null: libvirt puts it into br-int itself. */
  readonly bridge: string | null;
  /** Of the device outside. */
  readonly device: string;
  /** Whether the guest may leave checksums and the cutting into frames to whoever carries its packets. */
  readonly offloads: boolean;
  /** Variables of the environment of its QEMU. */
  readonly environment: Readonly<Record<string, string>>;
}

const memoryMib = 128;
/** Offloads of a virtio card: those of the host, for what the guest sends, and those of the guest, for what it receives. */
const offloadsOff = `<driver>
        <host csum='off' gso='off' tso4='off' tso6='off' ecn='off' ufo='off'/>
        <guest csum='off' tso4='off' tso6='off' ecn='off' ufo='off'/>
      </driver>`;

/** As XML. The processor is emulated: small machines have no KVM. */
export const domainXml = (
  domain: Domain,
): string => `<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>${domain.name}</name>
  <uuid>${domain.portId}</uuid>
  <memory unit='MiB'>${memoryMib}</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>${domain.kernel}</kernel>
    <initrd>${domain.initrd}</initrd>
    <cmdline>console=ttyS0 quiet panic=-1 hostname=${domain.name}</cmdline>
  </os>
  <features><acpi/></features>
  <devices>
    <interface type='bridge'>
      <mac address='${domain.mac}'/>
      ${plugged(domain)}
      <target dev='${domain.device}'/>
      <mtu size='${domain.mtuBytes}'/>
      <model type='virtio'/>
      ${domain.offloads ? '' : offloadsOff}
      <rom enabled='no'/>
    </interface>
    <console type='pty'/>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <memballoon model='none'/>
  </devices>
  <qemu:commandline>
    ${Object.entries(domain.environment)
      .map(([name, value]) => `<qemu:env name='${name}' value='${value}'/>`)
      .join('\n    ')}
  </qemu:commandline>
</domain>
`;

const plugged = ({ bridge, portId }: Domain): string =>
  bridge === null
    ? `<source bridge='br-int'/>
      <virtualport type='openvswitch'><parameters interfaceid='${portId}'/></virtualport>`
    : `<source bridge='${bridge}'/>`;
