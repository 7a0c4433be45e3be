export const OUTLET = Symbol('Outlet');
