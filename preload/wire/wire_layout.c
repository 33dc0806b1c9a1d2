/* SPDX-License-Identifier: MIT */
/*
 * wire_layout.c - where each field of the format lies, once more, as numbers: a change that moves
 * one does not compile. Recordings of older versions are read by these offsets, so a row is added
 * for a new field and never changed; what must change raises FR_VERSION (wire.h).
 *
 * No code comes of it.
 */
#include "wire.h"
#include "wire_control.h"
#include "wire_settings.h"

#define SIZE(type, bytes)                                                                          \
	_Static_assert(sizeof(struct type) == (bytes), "the size of struct " #type)
#define AT(type, field, offset)                                                                    \
	_Static_assert(offsetof(struct type, field) == (offset), #type "." #field " has moved")

_Static_assert(sizeof(struct fr_header) <= FR_HEADER_SIZE, "a header is one page");
_Static_assert(FR_HEADER_SIZE % FR_SECTION_UNIT == 0, "sections follow");
_Static_assert(FR_CHUNK_RARE % 64 == 0 && FR_CHUNK_DENSE % 64 == 0, "chunks begin with a line");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the format is little-endian");

SIZE(fr_section, 32);
AT(fr_section, id, 0);
AT(fr_section, record_size, 4);
AT(fr_section, offset, 8);
AT(fr_section, size, 16);
AT(fr_section, x_used, 24);

SIZE(fr_failure, 536);
AT(fr_failure, why, 0);
AT(fr_failure, error, 4);
AT(fr_failure, times, 8);
AT(fr_failure, real_ns, 16);
AT(fr_failure, dir, 24);

SIZE(fr_header, 3680);
AT(fr_header, magic, 0);
AT(fr_header, version, 8);
AT(fr_header, byte_order, 12);
AT(fr_header, header_size, 16);
AT(fr_header, section_count, 20);
AT(fr_header, x_state, 24);
AT(fr_header, region_kind, 28);
AT(fr_header, pid, 32);
AT(fr_header, ppid, 36);
AT(fr_header, uid, 40);
AT(fr_header, arch, 44);
AT(fr_header, clock_kind, 48);
AT(fr_header, tick_shift, 52);
AT(fr_header, unwind_kind, 56);
AT(fr_header, signal, 60);
AT(fr_header, start_real_ns, 64);
AT(fr_header, start_mono_ns, 72);
AT(fr_header, x_snapshots, 80);
AT(fr_header, x_triggers_merged, 88);
AT(fr_header, slow_ns, 96);
AT(fr_header, min_age_ns, 104);
AT(fr_header, max_bytes, 112);
AT(fr_header, levels, 120);
AT(fr_header, stack_depth, 136);
AT(fr_header, recorder_version, 140);
AT(fr_header, stack_tests, 144);
AT(fr_header, stack_differ, 152);
AT(fr_header, sample_mean, 160);
AT(fr_header, depot_words, 168);
AT(fr_header, page_size, 176);
AT(fr_header, unused, 180);
AT(fr_header, x_masked, 184);
AT(fr_header, reserved, 192);
AT(fr_header, boot_id, 208);
AT(fr_header, host, 248);
AT(fr_header, comm, 312);
AT(fr_header, exe, 328);
AT(fr_header, out_dir, 840);
AT(fr_header, cmdline, 1352);
AT(fr_header, sections, 2376);
AT(fr_header, x_failure, 3144);

SIZE(fr_clock_pair, 32);
AT(fr_clock_pair, raw, 0);
AT(fr_clock_pair, mono_ns, 8);
AT(fr_clock_pair, real_ns, 16);
AT(fr_clock_pair, x_seq, 24);

SIZE(fr_held, 24);
AT(fr_held, addr, 0);
AT(fr_held, since, 8);
AT(fr_held, stack, 16);
AT(fr_held, kind, 20);
AT(fr_held, flags, 22);

SIZE(fr_thread_rec, 512);
AT(fr_thread_rec, serial, 0);
AT(fr_thread_rec, tid, 4);
AT(fr_thread_rec, x_life, 8);
AT(fr_thread_rec, creator_tid, 12);
AT(fr_thread_rec, name, 16);
AT(fr_thread_rec, handle, 32);
AT(fr_thread_rec, routine, 40);
AT(fr_thread_rec, start, 48);
AT(fr_thread_rec, end, 56);
AT(fr_thread_rec, create_stack, 64);
AT(fr_thread_rec, n_held, 68);
AT(fr_thread_rec, held_more, 70);
AT(fr_thread_rec, events, 72);
AT(fr_thread_rec, st_seq, 80);
AT(fr_thread_rec, st_call, 84);
AT(fr_thread_rec, st_since, 88);
AT(fr_thread_rec, st_object, 96);
AT(fr_thread_rec, st_object2, 104);
AT(fr_thread_rec, st_owner, 112);
AT(fr_thread_rec, st_stack, 116);
AT(fr_thread_rec, allocs, 120);
AT(fr_thread_rec, frees, 128);
AT(fr_thread_rec, alloc_bytes, 136);
AT(fr_thread_rec, stack_lo, 144);
AT(fr_thread_rec, stack_hi, 152);
AT(fr_thread_rec, x_reported, 160);
AT(fr_thread_rec, stack_walks, 168);
AT(fr_thread_rec, held, 176);

SIZE(fr_module_rec, 512);
AT(fr_module_rec, base, 0);
AT(fr_module_rec, end, 8);
AT(fr_module_rec, bias, 16);
AT(fr_module_rec, loaded, 24);
AT(fr_module_rec, unloaded, 32);
AT(fr_module_rec, build_id_len, 40);
AT(fr_module_rec, x_ready, 44);
AT(fr_module_rec, build_id, 48);
AT(fr_module_rec, deepbind, 80);
AT(fr_module_rec, reserved, 88);
AT(fr_module_rec, path, 96);

SIZE(fr_stack_rec, 16);
AT(fr_stack_rec, total_size, 0);
AT(fr_stack_rec, n_frames, 4);
AT(fr_stack_rec, flags, 6);
AT(fr_stack_rec, hash, 8);
AT(fr_stack_rec, pc, 16);

SIZE(fr_fd_rec, 64);
AT(fr_fd_rec, x_kind, 0);
AT(fr_fd_rec, gen, 4);
AT(fr_fd_rec, since, 8);
AT(fr_fd_rec, stack, 16);
AT(fr_fd_rec, peer_len, 20);
AT(fr_fd_rec, x_connecting, 22);
AT(fr_fd_rec, peer, 24);

SIZE(fr_lock_rec, 64);
AT(fr_lock_rec, x_addr, 0);
AT(fr_lock_rec, x_waits, 8);
AT(fr_lock_rec, x_wait_ticks, 16);
AT(fr_lock_rec, x_max_wait, 24);
AT(fr_lock_rec, x_late, 32);
AT(fr_lock_rec, first_stack, 40);
AT(fr_lock_rec, kind, 44);
AT(fr_lock_rec, reserved, 48);

SIZE(fr_chunk, 64);
AT(fr_chunk, x_seq, 0);
AT(fr_chunk, x_state, 8);
AT(fr_chunk, serial, 12);
AT(fr_chunk, tid, 16);
AT(fr_chunk, x_committed, 20);
AT(fr_chunk, base, 24);
AT(fr_chunk, last, 32);
AT(fr_chunk, first_event, 40);
AT(fr_chunk, reserved, 48);

SIZE(fr_event_rec, 160);
AT(fr_event_rec, id, 0);
AT(fr_event_rec, n_args, 4);
AT(fr_event_rec, n_short, 8);
AT(fr_event_rec, klass, 12);
AT(fr_event_rec, name, 16);
AT(fr_event_rec, type, 40);
AT(fr_event_rec, reserved, 144);

SIZE(fr_trigger, 240);
AT(fr_trigger, kind, 0);
AT(fr_trigger, signo, 4);
AT(fr_trigger, tid, 8);
AT(fr_trigger, number, 12);
AT(fr_trigger, ticks, 16);
AT(fr_trigger, real_ns, 24);
AT(fr_trigger, merged, 32);
AT(fr_trigger, sender_pid, 40);
AT(fr_trigger, reserved, 44);
AT(fr_trigger, reason, 48);

SIZE(fr_crash, 600);
AT(fr_crash, signo, 0);
AT(fr_crash, code, 4);
AT(fr_crash, tid, 8);
AT(fr_crash, stack, 12);
AT(fr_crash, fault_addr, 16);
AT(fr_crash, ticks, 24);
AT(fr_crash, real_ns, 32);
AT(fr_crash, pc, 40);
AT(fr_crash, sp, 48);
AT(fr_crash, fp, 56);
AT(fr_crash, regs, 64);
AT(fr_crash, n_regs, 320);
AT(fr_crash, sender_pid, 324);
AT(fr_crash, sender_uid, 328);
AT(fr_crash, how, 332);
AT(fr_crash, reserved, 336);
AT(fr_crash, said, 360);

SIZE(fr_hook_rec, 64);
AT(fr_hook_rec, name, 0);
AT(fr_hook_rec, id, 40);
AT(fr_hook_rec, taken, 44);
AT(fr_hook_rec, klass, 48);
AT(fr_hook_rec, flags, 52);
AT(fr_hook_rec, provider, 56);

SIZE(fr_rule_rec, 24);
AT(fr_rule_rec, name, 0);
AT(fr_rule_rec, unit, 16);
AT(fr_rule_rec, x_fired, 20);

SIZE(fr_settings, 232);
AT(fr_settings, levels, 0);
AT(fr_settings, budget, 8);
AT(fr_settings, named, 12);
AT(fr_settings, slow, 16);
AT(fr_settings, cooldown, 24);
AT(fr_settings, trigger_max, 32);
AT(fr_settings, limit, 40);

SIZE(fr_control, 1096);
AT(fr_control, x_request, 0);
AT(fr_control, x_answer, 8);
AT(fr_control, x_refused, 16);
AT(fr_control, n_rules, 20);
AT(fr_control, x_suppressed, 24);
AT(fr_control, configured, 32);
AT(fr_control, asked, 40);
AT(fr_control, hash, 48);
AT(fr_control, wanted, 56);
AT(fr_control, in_force, 288);
AT(fr_control, rules, 520);

SIZE(fr_setting_rec, 192);
AT(fr_setting_rec, name, 0);
AT(fr_setting_rec, unit, 24);
AT(fr_setting_rec, flags, 28);
AT(fr_setting_rec, least, 32);
AT(fr_setting_rec, most, 40);
AT(fr_setting_rec, x_value, 48);
AT(fr_setting_rec, x_wanted, 56);
AT(fr_setting_rec, x_seal, 64);
AT(fr_setting_rec, text, 72);
