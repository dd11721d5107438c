// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "input.h"

const uint8_t *input_mac(uint8_t kind)
{
	static const uint8_t macs[2][6] = { { INPUT_MAC }, { INPUT_OTHER_MAC } };

	return macs[!!(kind & INPUT_FIXED_MAC)];
}

void input_told(const struct input *input, struct reference *ret_told)
{
	struct reference told = { .device = INPUT_DEVICE_OF(0) };

	for (int i = 0; i < INPUT_ADDRESSES; i++) {
		struct reference_address *address = &told.address[told.addresses];
		uint8_t kind = input->address[i].kind;

		if (kind & INPUT_REUSED)
			continue;
		input_address(kind, input->address[i].host, address->ip);
		address->device = INPUT_DEVICE_OF((kind & INPUT_DEVICE) >> 3);
		memcpy(address->mac, input_mac(kind), 6);
		address->no_override = kind & INPUT_NO_OVERRIDE;
		address->lapsed = input_lease(input, i) == INPUT_LAPSED;
		told.addresses++;
	}
	for (int i = 0; i < INPUT_VLANS; i++) {
		uint8_t kind = input->vlan[i].kind;
		struct reference_vlan *vlan = &told.vlan[told.vlans];

		vlan->vid = (kind & 0xf0) << 4 | input->vlan[i].vid;
		if (!vlan->vid || vlan->vid == 4095)
			continue;
		vlan->protocol = kind & 1 ? 0x88a8 : 0x8100;
		vlan->parent = INPUT_DEVICE_OF(kind >> 1 & 3);
		vlan->device = INPUT_DEVICE_OF(i + 1);
		told.vlans++;
	}
	*ret_told = told;
}
