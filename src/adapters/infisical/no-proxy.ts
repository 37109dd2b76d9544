// NO_PROXY: which hosts are asked without a proxy. As curl reads it: a name covers what is below it too, with or without a dot in front;
// addresses and networks (10.0.0.0/8, fd00::/8) go by number; `*` is all. Beyond that what others take: `*.example.com`, and `host:port`
// for that port alone.

import { BlockList, isIP } from 'node:net';

export type Target = {
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  readonly port: number;
};

/** The entry of the list that the target falls under. */
export function exemption(list: string, target: Target): string | undefined {
  return list.split(/[\s,]+/).find((entry) => entry !== '' && covers(entry.toLowerCase(), target));
}

function covers(entry: string, { host, port }: Target): boolean {
  if (entry === '*') return true;
  const wanted = entryOf(entry);
  if (wanted.port !== undefined && wanted.port !== port) return false;
  const name = withoutDot(host.toLowerCase());
  if (isIP(name) !== 0) return coversAddress(wanted.host, name);
  const suffix = withoutDot(wanted.host).replace(/^\*?\./, '');
  return suffix !== '' && (name === suffix || name.endsWith(`.${suffix}`));
}

function entryOf(entry: string): { readonly host: string; readonly port: number | undefined } {
  const [, bracketed, bracketedPort] = /^\[([^\]]*)\](?::(\d+))?$/.exec(entry) ?? [];
  if (bracketed !== undefined) return { host: bracketed, port: portOf(bracketedPort) };
  // Two colons and no brackets: an IPv6 address, which has no port here.
  const [, name, port] = /^([^:]*):(\d+)$/.exec(entry) ?? [];
  return name === undefined ? { host: entry, port: undefined } : { host: name, port: portOf(port) };
}

function portOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function coversAddress(entry: string, address: string): boolean {
  const [network = '', bits] = entry.split('/');
  const family = familyOf(network);
  if (family === undefined || family !== familyOf(address)) return false;
  const longest = family === 'ipv4' ? 32 : 128;
  const prefix = bits === undefined ? longest : /^\d{1,3}$/.test(bits) ? Number(bits) : Infinity;
  if (prefix > longest) return false;
  const list = new BlockList();
  list.addSubnet(network, prefix, family);
  return list.check(address, family);
}

function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  const version = isIP(address);
  return version === 4 ? 'ipv4' : version === 6 ? 'ipv6' : undefined;
}

function withoutDot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name;
}
