// Every page that a signed-in person can open, by a name for its picture. A function finds an
// address that depends on what the lab has.

/** The pages of the navigation, in its order. */
export const rooms = ['Overview', 'Devices', 'Topology', 'Events', 'Alerts', 'Audit', 'Settings'];

const firstOf = path => async api => {
  const { items } = await api(path);
  return items[0] ?? null;
};

/** Name and address of each. */
export const places = {
  overview: '/',
  devices: '/devices?interface=lan0',
  cards: '/devices?view=cards&interface=lan0',
  'devices-none': '/devices?q=no-such-thing',
  'device-new': '/devices/new',
  device: async api => `/devices/${(await firstOf('/devices?q=a0:88:69:c3:7f:25')(api)).id}`,
  forget: async api => `/devices/${(await firstOf('/devices?q=a0:88:69:c3:7f:25')(api)).id}/forget`,
  topology: '/topology',
  events: '/events',
  'events-none': '/events?q=no-such-thing',
  alerts: '/alerts',
  alert: async api => `/alerts/${(await firstOf('/alerts')(api)).id}`,
  audit: '/audit',
  settings: '/settings',
  people: '/settings/people',
  account: '/account',
  about: '/about',
  search: '/search?q=windows',
  'search-none': '/search?q=no-such-thing',
};

/** The address of a place. */
export const find = async (place, api) => typeof place === 'function' ? place(api) : place;
