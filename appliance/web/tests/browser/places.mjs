// Every page that a signed-in person can open, by a name for its picture. A function finds an
// address that depends on what the lab has.

/** The pages of the navigation, in its order. */
export const rooms = ['Overview', 'Devices', 'Topology', 'Hosts', 'Traffic', 'Events', 'Alerts', 'Audit', 'Settings'];

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
  // Every lab has this one; a slow machine may have others.
  alert: async api => `/alerts/${(await api('/alerts')).items.find(({ title }) => title.startsWith('Many at once')).id}`,
  audit: '/audit',
  settings: '/settings',
  people: '/settings/people',
  account: '/account',
  about: '/about',
  search: '/search?q=windows',
  'search-none': '/search?q=no-such-thing',
};

/** The router's pages; they have no pictures, for their figures never stand still. */
export const routerPlaces = {
  router: '/router',
  quality: '/router/quality',
  interfaces: '/router/interfaces',
  interface: '/router/interfaces/lan1',
  routes: '/router/routes',
  'static routes': '/router/routes/static',
  'a static route': '/router/routes/static/edit',
  dhcp: '/router/dhcp',
  'a dhcp network': '/router/dhcp/new',
  'a dhcp pool': '/router/dhcp/pool?network=HOME&subnet=192.168.50.0/24',
  leases: '/router/dhcp/leases',
  'fixed addresses': '/router/dhcp/fixed',
  'a fixed address': '/router/dhcp/fixed/edit',
  dns: '/router/dns',
  'dns forwarder': '/router/dns/forwarder',
  firewall: '/router/firewall',
  chain: '/router/firewall/ipv4/forward/filter',
  'a rule': '/router/firewall/ipv4/forward/filter/20',
  groups: '/router/firewall/groups',
  zones: '/router/firewall/zones',
  'firewall log': '/router/firewall/log',
  nat: '/router/nat',
  'a port forward': '/router/nat/forward/new',
  policy: '/router/policy',
  vpn: '/router/vpn',
  'a vpn client': '/router/vpn/client?interface=wg0',
  services: '/router/services',
  ssh: '/router/services/ssh',
  containers: '/router/containers',
  logs: '/router/logs',
  'a log followed': '/router/logs?service=panoptikon&live=1',
  'files of log': '/router/logs/files',
  tools: '/router/tools',
  connections: '/router/tools/connections',
  speed: '/router/tools/speed',
  configuration: '/router/config',
  'raw configuration': '/router/config/raw',
  commands: '/router/config/commands',
  snapshots: '/router/config/snapshots',
  'what is not saved': '/router/config/diff?from=saved&to=running',
  changes: '/router/changes',
  'interface more': '/router/interfaces/lan0',
  'chain rule': '/router/firewall/ipv4/forward/filter/new',
  group: '/router/firewall/groups/address/PRINTERS',
  'group new': '/router/firewall/groups/new',
  'firewall services': '/router/firewall/services',
  'policy new': '/router/policy/new',
  'vpn interface': '/router/vpn/interface?interface=wg0',
  'vpn peer': '/router/vpn/peer?interface=wg0&peer=mia',
  'an openvpn file': '/router/vpn/openvpn',
  'device speed': '/router/tools/device',
  archive: '/router/config/archive',
};

/** Pages of traffic; they have no pictures, for what passes never stands still. */
export const flowPlaces = {
  traffic: '/flows',
  'traffic of a year': '/flows?range=1y&scope=all',
  'the explorer': '/flows/explore?by=service&range=1h',
  flows: '/flows/list',
  'who talked': '/flows/search?one=192.168.50.100',
  'nobody asked for': '/flows/search',
  'the map': '/flows/map',
  locations: '/flows/locations',
  'where flows come from': '/flows/sources?min_packets=1',
  'words of the filter': '/flows/filters',
  "a device's traffic": async api => `/devices/${(await firstOf('/devices?q=a0:88:69:c3:7f:25')(api)).id}/traffic`,
};

/** Pages of hosts with agents; they have no pictures, for nobody has looked at these yet. */
export const hostPlaces = {
  hosts: '/agents',
  'a new host': '/agents/new',
  'between hosts': '/agents/mesh',
  'numbers inside': '/about/numbers',
};

/** The address of a place. */
export const find = async (place, api) => typeof place === 'function' ? place(api) : place;
