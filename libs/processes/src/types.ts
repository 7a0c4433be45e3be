/**
 * Child processes that an agent wants to run on its node (a DHCP server, a load balancer): as wanted, as found, and the steps between. Data only.
 *
 * The rule: a process belongs to the node, not to the agent that started it. An agent that restarts, is updated, or is killed touches no process that is as it is
 * wanted. So all that must be known of a process is on the node itself (node-processes.ts): an agent without memory finds its processes and goes on with them.
 */

export type WantedFile = Readonly<{ name: string; content: string; /** Permission bits. */ mode: number }>;

export type WantedProcess = Readonly<{
  /** Stable and unique for this owner: `dnsmasq-<network id>`. Lower-case letters, digits, `.`, `_` and `-`. */
  name: string;
  /** Network namespace that it runs in: a name below /run/netns; null: the agent's own. */
  netns: string | null;
  /** The program must stay in the foreground. */
  argv: readonly string[];
  /** Written before it starts, into its folder. */
  files: readonly WantedFile[];
  /**
   * What a running process needs when its files have changed. `signal`: SIGHUP. `restart`: to be started anew. `none`: nothing, it notices by itself. When anything
   * else has changed it is always started anew.
   */
  reload: 'signal' | 'restart' | 'none';
  /** Owners of the engine's tasks that must not have failed: of the namespace, of an address. Default none. Changes nothing about a process that runs. */
  needs?: readonly string[];
}>;

/** Which process is meant: a number alone may have been given to another process since. `startTime`: in clock ticks since boot. */
export type ProcessIdentity = Readonly<{ pid: number; startTime: string }>;

/** A running process that bears our owner's mark. */
export type FoundProcess = ProcessIdentity &
  Readonly<{
    name: string;
    /** `startDigest` of what it was started as. */
    digest: string;
    /** True for the process that was started; false for one that it started itself, which ends with it or is left over from it. */
    main: boolean;
    /** Session (setsid(2)): equal for a process that was started and what it started. */
    session: number;
  }>;

/** The folder of a process, running or not. */
export type FoundFolder = Readonly<{
  /** File -> `fileDigest`. */
  files: ReadonlyMap<string, string>;
  /** `loadedMark` of the process and files that were last known to be in force together; null: not known, or files were written since. */
  loaded: string | null;
}>;

export type Found = Readonly<{
  processes: readonly FoundProcess[];
  folders: ReadonlyMap<string, FoundFolder>;
}>;

/** Names say the end state: a step that was done, or half done, may be repeated. */
export type ProcessStep = Readonly<{ name: string }> &
  (
    | Readonly<{ op: 'write-files'; files: readonly WantedFile[] }>
    | Readonly<{ op: 'remove-files'; files: readonly string[] }>
    /** SIGTERM, and SIGKILL for what is still there after a while. Done when all are gone. */
    | Readonly<{ op: 'stop-process'; processes: readonly ProcessIdentity[] }>
    | Readonly<{ op: 'start-process'; process: WantedProcess }>
    /** Tells the process to read its files again. `loaded`: the mark to leave when it was told. */
    | Readonly<{ op: 'reload-process'; process: ProcessIdentity; loaded: string }>
    | Readonly<{ op: 'remove-folder' }>
  );

/** The port between planning and the node. */
export interface Processes {
  /**
   * Everything of this owner; with `names`, of folders those of these processes alone, whose files are read. Changes nothing. Rejects when it cannot see everything:
   * what is not seen would be started twice.
   */
  observe(names?: ReadonlySet<string>): Promise<Found>;
  /** Processes that have a folder: all that were ever started here and not removed. Cheap: one look at a folder, where `observe` reads all of /proc. */
  names(): readonly string[];
  /** The file of a process as it is; null without it. */
  fileOf(name: string, file: string): string | null;
  /**
   * Makes these steps true: each process's in order, processes beside each other. Rejects with StepsRefused once all has ended: of each process the first step
   * that failed, behind which none of its steps was done. A program that ended soon after it was started is refused until its pause is over (restarts.ts).
   */
  apply(steps: readonly ProcessStep[]): Promise<void>;
}
