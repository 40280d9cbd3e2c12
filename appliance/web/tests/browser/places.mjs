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
  router: '/router',
  interfaces: '/router/interfaces',
  interface: '/router/interfaces/lan0',
  quality: '/router/quality',
  dhcp: '/router/dhcp',
  leases: '/router/dhcp/leases',
  'dhcp-fixed': '/router/dhcp/fixed',
  dns: '/router/dns',
  firewall: '/router/firewall',
  chain: '/router/firewall/ipv4/forward/filter',
  'chain-rule': '/router/firewall/ipv4/forward/filter/new',
  groups: '/router/firewall/groups',
  group: '/router/firewall/groups/address/PRINTERS',
  'group-new': '/router/firewall/groups/new',
  zones: '/router/firewall/zones',
  'firewall-services': '/router/firewall/services',
  'firewall-log': '/router/firewall/log',
  nat: '/router/nat',
  'nat-forward': '/router/nat/forward/new',
  policy: '/router/policy',
  'policy-new': '/router/policy/new',
  vpn: '/router/vpn',
  'vpn-interface': '/router/vpn/interface?interface=wg0',
  'vpn-peer': '/router/vpn/peer?interface=wg0&peer=mia',
  'vpn-client': '/router/vpn/client?interface=wg0',
  routes: '/router/routes',
  'route-new': '/router/routes/static/edit',
  services: '/router/services',
  containers: '/router/containers',
  tools: '/router/tools',
  connections: '/router/tools/connections',
  speed: '/router/tools/speed',
  config: '/router/config',
  'config-commands': '/router/config/commands',
  archive: '/router/config/archive',
  snapshots: '/router/config/snapshots',
  changes: '/router/changes',
  search: '/search?q=windows',
  'search-none': '/search?q=no-such-thing',
};

/** The address of a place. */
export const find = async (place, api) => typeof place === 'function' ? place(api) : place;
