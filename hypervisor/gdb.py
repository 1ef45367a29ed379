# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests, vCPUs and shadow tables for gdb.

    build/veneer run CONF --print        the emulator's command: run it with  -s -S  behind it
    gdb build/veneer.elf -x hypervisor/gdb.py -ex 'target remote :1234'
    (gdb) hbreak guest_crash
    (gdb) continue
    (gdb) veneer-guests

The hypervisor is at its linked addresses whenever ring 0 runs on its own page table; while a guest
runs, gdb reads through the guest's, where only the gate area is. A hardware breakpoint in the
hypervisor stops where everything can be seen.
"""
import gdb


def name_of(value):
    """Of an enumeration."""
    return str(value).split('::')[-1]


def guests():
    for i in range(int(gdb.parse_and_eval('guest_count'))):
        yield gdb.parse_and_eval('guests')[i]


def guest_name(guest):
    return guest['config']['name'].string()


def wanted(argument):
    found = [g for g in guests() if not argument or guest_name(g) == argument]
    if not found:
        raise gdb.GdbError('no guest "%s": veneer-guests lists them' % argument)
    return found


class Guests(gdb.Command):
    """Lists the guests: name, engine, preparation, phase, vCPUs, exit code."""

    def __init__(self):
        super().__init__('veneer-guests', gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        for g in guests():
            print('%u %-12s %-4s %-17s %-14s %u vCPUs, %u MiB%s' % (
                g['id'], guest_name(g), g['engine']['name'].string(), name_of(g['image']['prepare']),
                name_of(g['phase']), g['vcpus'], int(g['memory']['region'][0]['bytes']) >> 20,
                ', exit code %d' % g['exit_code'] if g['ended'] else ''))


class Vcpus(gdb.Command):
    """Lists the vCPUs of a guest, or of all: CPU, state, requests, and the registers it has left with.

    veneer-vcpus [GUEST]"""

    def __init__(self):
        super().__init__('veneer-vcpus', gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        for g in wanted(argument):
            for i in range(int(g['vcpus'])):
                v = g['vcpu'][i]
                r = v['regs']
                print('%s.%u: CPU %u, %s%s, requests %#x, cs:rip %x:%x ss:rsp %x:%x rflags %x root %x' % (
                    guest_name(g), i, v['cpu']['id'], name_of(v['state']), ', paused' if v['paused'] else '',
                    int(v['requests']), int(r['cs']), int(r['rip']), int(r['ss']), int(r['rsp']),
                    int(r['rflags']), int(v['view']['paging']['root']['v'])))


class Shadows(gdb.Command):
    """Counts the shadow pages of a guest by state and level, and lists the roots.

    veneer-shadows [GUEST]"""

    def __init__(self):
        super().__init__('veneer-shadows', gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        states = [name_of(f.name) for f in gdb.lookup_type('enum shadow_state').fields()]
        for g in wanted(argument):
            if not g['mmu']:
                print('%s: no shadows under %s' % (guest_name(g), g['engine']['name'].string()))
                continue
            m = g['mmu']
            pages = int(m['pool_pages'])
            count = {}
            print('%s: a pool of %u pages, %u free, %u lent' % (guest_name(g), pages, m['pool_free'], m['lent']))
            for i in range(pages):
                s = m['shadow'][i]
                state, kind = states[int(s['state'])], int(s['kind'])
                count[(state, kind)] = count.get((state, kind), 0) + 1
                if state == 'SHADOW_USED' and kind == 4:
                    print('  root: page %u, of the table at %#x, CPU %u' % (
                        i, int(s['key']) & 0xffffffffff000, (int(s['key']) & 0xfff) >> 3))
            for (state, kind), n in sorted(count.items()):
                print('  %-14s level %u: %u' % (state, kind, n))


Guests()
Vcpus()
Shadows()
