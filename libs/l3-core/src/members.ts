/**
 * What belongs to which router, kept as objects come, change and go, so that one router is gathered without a pass over all objects of the host. Rebuilt from
 * the view at each full look. Which routers are computed from an object is remembered longer than the object is in the view (`followers`): it may have left before
 * its router is looked at again, and a router whose removal was not allowed yet must be found by what it was made of.
 */
import { ObjectKey } from '@plumbline/contracts';
import { Followers, Groups } from '@plumbline/reconcile';
import { HostView, nameOf, objectIn } from '@plumbline/topology';
import { gather, Gathered, Incomplete, routersHere } from './router-ports.js';
import { outsideDevice } from './marks.js';

export class Members {
  /** Object -> routers that were gathered from it. */
  readonly followers = new Followers<ObjectKey, string>();
  private readonly floatingIps = new Groups<string, string>();
  private readonly forwardings = new Groups<string, string>();
  private readonly subnets = new Groups<string, string>();
  /** What routers were gathered last, and from which objects: an object that changes is another one, so as long as all are the same so is the router. */
  private readonly gathered = new Map<
    string,
    Readonly<{ gathered: Gathered; from: ReadonlyMap<ObjectKey, unknown> }>
  >();
  private known = false;

  /** Takes in objects that may have changed. The first time all are. */
  update(view: HostView, touched: ReadonlySet<ObjectKey> | 'all'): void {
    const first = !this.known;
    this.known = true;
    if (touched === 'all' || first) {
      for (const groups of [this.floatingIps, this.forwardings, this.subnets]) groups.clear();
      for (const key of view.objects.keys()) this.note(view, key);
    } else for (const key of touched) this.note(view, key);
    if (!first || touched === 'all') return;
    for (const router of routersHere(view))
      try {
        this.gather(view, router.id);
      } catch (error) {
        if (!(error instanceof Incomplete)) throw error;
      }
  }

  /** Routers that an object matters to now, or did when they were last looked at. */
  routersTouched(view: HostView, touched: ReadonlySet<ObjectKey>): Set<string> {
    const routers = new Set<string>();
    const add = (ids: Iterable<string>): void => {
      for (const id of ids) routers.add(id);
    };
    for (const key of touched) {
      add(this.followers.of(key));
      const { kind, id } = nameOf(key);
      if (kind === 'router') routers.add(id);
      else if (kind === 'subnet') add(this.followers.of(`network/${this.subnets.of(id) ?? ''}`));
      else if (kind === 'portforwarding') routers.add(this.forwardings.of(id) ?? '');
      else if (kind === 'floatingip') routers.add(this.floatingIps.of(id) ?? '');
    }
    routers.delete('');
    return routers;
  }

  /** Outer ends of the links that these routers are to have. */
  outsidesOf(view: HostView, ids: Iterable<string>): string[] {
    return [...ids].flatMap((id) => {
      const router = objectIn(view, 'router', id);
      if (router?.host !== view.host) return [];
      const ports = [...Object.keys(router.interfaces), ...(router.gateway ? [router.gateway.portId] : [])];
      return ports.map(outsideDevice);
    });
  }

  /** Outer ends of the links of all routers that are to be up here. */
  wantedOutsides(view: HostView): Set<string> {
    const up = routersHere(view).filter(({ adminStateUp }) => adminStateUp);
    return new Set(
      this.outsidesOf(
        view,
        up.map(({ id }) => id),
      ),
    );
  }

  /** The router with all it needs, the same as the last time if none of it changed; null when it is not on this host. From now on `routersTouched` finds it by each of these objects. Throws Incomplete. */
  gather(view: HostView, id: string): Gathered | null {
    const router = objectIn(view, 'router', id);
    if (!router || router.host !== view.host) {
      this.gathered.delete(id);
      return null;
    }
    const before = this.gathered.get(id);
    if (before && this.isAsBefore(view, id, before)) return before.gathered;
    const among = <T>(ids: Iterable<string>, get: (id: string) => T | undefined): T[] =>
      [...ids].sort().flatMap((each) => get(each) ?? []);
    try {
      const gathered = gather(
        view,
        router,
        among(this.floatingIps.in(id), (each) => objectIn(view, 'floatingip', each)),
        among(this.forwardings.in(id), (each) => objectIn(view, 'portforwarding', each)),
        among(this.subnets.in(router.gateway?.networkId ?? ''), (each) => objectIn(view, 'subnet', each)),
      );
      this.followers.add(id, gathered.keys);
      this.gathered.set(id, { gathered, from: new Map([...gathered.keys].map((key) => [key, view.objects.get(key)])) });
      return gathered;
    } catch (error) {
      this.gathered.delete(id);
      if (error instanceof Incomplete) this.followers.add(id, error.keys);
      throw error;
    }
  }

  private isAsBefore(
    view: HostView,
    id: string,
    { gathered, from }: Readonly<{ gathered: Gathered; from: ReadonlyMap<ObjectKey, unknown> }>,
  ): boolean {
    const { router, floatingIps, forwardings, outsideSubnets } = gathered;
    if (this.floatingIps.in(id).size !== floatingIps.length) return false;
    if (this.forwardings.in(id).size !== forwardings.length) return false;
    if (this.subnets.in(router.gateway?.networkId ?? '').size !== outsideSubnets.length) return false;
    for (const [key, object] of from) if (view.objects.get(key) !== object) return false;
    return true;
  }

  private note(view: HostView, key: ObjectKey): void {
    const { kind, id } = nameOf(key);
    if (kind === 'floatingip') this.floatingIps.put(id, objectIn(view, 'floatingip', id)?.association?.routerId);
    else if (kind === 'portforwarding') this.forwardings.put(id, objectIn(view, 'portforwarding', id)?.routerId);
    else if (kind === 'subnet') {
      const networkId = objectIn(view, 'subnet', id)?.networkId;
      this.subnets.put(id, networkId);
    }
  }
}
