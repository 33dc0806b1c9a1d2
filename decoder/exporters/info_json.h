/* SPDX-License-Identifier: MIT */
/*
 * info_json.h - fr info --json, one object.
 */
#ifndef FR_EXPORTERS_INFO_JSON_H
#define FR_EXPORTERS_INFO_JSON_H

#include "exporters/exporters.h"
#include "symbols/symbols.h"

void fr_info_json(struct call *c, struct symbols *sy);

#endif
