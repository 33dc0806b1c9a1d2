/* SPDX-License-Identifier: MIT */
/*
 * sockaddr.h - the bytes of a struct sockaddr, perhaps cut short, as text.
 */
#ifndef FR_BASE_SOCKADDR_H
#define FR_BASE_SOCKADDR_H

#include <stddef.h>
#include <stdint.h>

#include "base/sbuf.h"

/*
 * "127.0.0.1:8091" "[::1]:80" "unix:/run/x.sock" "unix:@abstract" "unix:" (unnamed) "family 17";
 * "" for no bytes. Safe for a terminal. A path cut by the recorder ends in "...".
 */
void fr_sockaddr_text(struct sbuf *b, const uint8_t *bytes, size_t n);

#endif
