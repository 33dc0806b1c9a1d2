/* SPDX-License-Identifier: MIT */
/*
 * image.h - a recording as a snapshot file of its own.
 */
#ifndef FR_CAPTURE_IMAGE_H
#define FR_CAPTURE_IMAGE_H

#include "exporters/exporters.h"

/*
 * Writes C's recording into the file that was asked for, else under a free name here, and says
 * which. Returns the command's exit code.
 */
int fr_image_save(struct call *c);

#endif
