"""Plants known kinds of bugs, one at a time, in a copy of the tree, and shows which test sees it.

    build/venv/bin/python tests/planted_bugs.py [NAME ...]

Each test must pass without the bug and fail with it. Exit status 1 when a bug goes unseen.
"""

import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from joulestream.host_tools import progress
from joulestream.host_tools.build import shell, sources
from tree_copy import copy_tree

ROOT = Path(__file__).resolve().parents[1]
_FAILED = 1  # pytest's exit status when tests ran and some failed


@dataclass(frozen=True)
class Bug:
    """A bug and the test that sees it.

    Attributes:
        name: the fault, in a few words.
        path: the file that has it.
        right: the correct text there.
        wrong: the text that replaces it.
        test: the test that must fail, as pytest names it.
    """

    name: str
    path: str
    right: str
    wrong: str
    test: str


_COFACTORED = """    static u8 other[32];
    point twice, left = *sum, right;
    if (!point_decode(&right, signature)) {
        return 0;
    }
    for (int i = 0; i < 3; i++) {
        point_double(&twice, &left, 1);
        left = twice;
        point_double(&twice, &right, 1);
        right = twice;
    }
    point_encode(expected, &left, PUBLIC);
    point_encode(other, &right, PUBLIC);
    signature = other;
"""

BUGS = (
    Bug(
        "claim acknowledged before it is stored",
        "firmware/pole/books.py",
        "self.records.store(charging.channel_id, record)\n        except JournalFull:\n",
        "pass\n        except JournalFull:\n",
        "tests/test_restart.py::test_nothing_is_acknowledged_before_it_is_stored",
    ),
    Bug(
        "CRC of a frame not checked",
        "shared/cpython/_twins.py",
        "return length if frame[1 + length : 1 + length + _CRC] == crc else _BAD_CRC",
        "return length",
        "tests/test_framing.py::test_wrong_crc_is_counted",
    ),
    Bug(
        "CRC of a record not checked",
        "shared/device/journal_format.py",
        "return crc == crc32(view[: size - CRC_SIZE], crc_start)",
        "return True",
        "tests/test_journal.py::test_flipped_bits_are_noticed_and_older_values_come_back",
    ),
    Bug(
        "the CRC of records begins with a number that peers know",
        "shared/device/journal_blocks.py",
        '        crc_start = int.from_bytes(self._random(4), "big")\n',
        "        crc_start = 0\n",
        "tests/test_fuzz.py::test_the_corpus_holds[journal]",
    ),
    Bug(
        "a block's CRC start drawn once for all",
        "shared/device/journal_blocks.py",
        '        crc_start = int.from_bytes(self._random(4), "big")\n',
        '        crc_start = self.crc_start or int.from_bytes(self._random(4), "big")\n',
        "tests/test_journal.py::test_two_blocks_never_share_a_crc_start",
    ),
    Bug(
        "cofactored verification",
        "shared/ed25519/ed25519.c",
        "    point_encode(expected, sum, PUBLIC);\n",
        _COFACTORED,
        "tests/test_ed25519_oracle.py::test_torsion_gets_libsodiums_answer",
    ),
    Bug(
        "> for >= at the credit limit",
        "firmware/pole/payee.py",
        "            and charging.unpaid < charging.credit\n",
        "            and charging.unpaid <= charging.credit\n",
        "tests/test_lying_vehicle.py::test_the_contactor_opens_when_the_credit_is_reached",
    ),
    Bug(
        "exposure reset on reconnect",
        "firmware/pole/offer.py",
        "        amount_due=record.amount_due,\n",
        "        amount_due=record.amount,\n",
        "tests/test_restart.py::test_a_greeting_in_mid_session_forgets_no_debt",
    ),
    Bug(
        "budget not persisted",
        "shared/device/payer_record.py",
        "        self.spent = self._stored_spent = spent.get(period, 0)\n",
        "        self.spent = self._stored_spent = 0\n",
        "tests/test_wallet.py::test_the_budget_outlives_a_power_cut",
    ),
    Bug(
        "the service's list of keys ignored",
        "firmware/runtime/service.py",
        "        self._is_allowed = hello.key in self._keys\n",
        "        self._is_allowed = True\n",
        "tests/test_service.py::test_a_key_that_is_not_in_the_list_gets_nothing",
    ),
    Bug(
        "the service's nonce is always the same",
        "firmware/runtime/service.py",
        "self._nonce = self._random(NONCE_SIZE) if self._keys else bytes(NONCE_SIZE)",
        "self._nonce = bytes(NONCE_SIZE)",
        "tests/test_service.py::test_a_request_that_was_heard_is_worth_nothing_a_second_time",
    ),
    Bug(
        "the sequence of a service's request not checked",
        "firmware/runtime/service.py",
        "        if sequence <= self._sequence:\n",
        "        if sequence < 0:\n",
        "tests/test_service.py::test_a_request_that_was_heard_is_worth_nothing_a_second_time",
    ),
    Bug(
        "a service's request not bound to nonce and key of the device",
        "firmware/runtime/service.py",
        "        if not verify(self._hello.key, text, signature):\n",
        "        if not verify(self._hello.key, text, signature) and sequence < 0:\n",
        "tests/test_service.py::test_a_request_over_another_devices_nonce_or_key_gets_nothing",
    ),
    Bug(
        "a service's answer not signed",
        "firmware/runtime/service.py",
        "self._signer.sign_into(text, self._answer_view[end : end + SIGNATURE_SIZE])",
        "pass",
        "tests/test_service_client.py::test_an_honest_pole_is_read",
    ),
    Bug(
        "a host takes answers that the device did not sign",
        "host_tools/service/client.py",
        "            or not verify(key, head + text, signature)\n",
        "",
        "tests/test_service_client.py::test_a_signed_answer_with_one_wrong_bit_is_refused",
    ),
    Bug(
        "a mark is stored while an invoice waits",
        "firmware/pole/service.py",
        "    if loop.payee.is_in_packet() or not records.can_admit():\n",
        "    if not records.can_admit():\n",
        "tests/test_service.py::test_while_an_invoice_waits_nothing_is_written",
    ),
    Bug(
        "a false word of a ledger is taken over the service line",
        "firmware/pole/service.py",
        "    reason = genuine_reason(word)\n",
        "    reason = 0\n",
        "tests/test_service.py::test_a_false_word_of_a_ledger_is_refused",
    ),
    Bug(
        "claim signed before it is stored",
        "firmware/vehicle/wallet.py",
        "        self.records.store_packet(channel_id, record)\n        signature: Buffer",
        "        signature: Buffer",
        "tests/test_wallet.py::test_no_claim_leaves_before_the_journal_holds_it",
    ),
    Bug(
        "contactor stays closed after an exception",
        "firmware/runtime/supervisor.py",
        "        self._board.contactor(False)\n",
        "",
        "tests/test_supervisor.py"
        "::test_any_exception_opens_the_contactor_and_starts_clean_after_a_pause",
    ),
    Bug(
        "watchdog fed by a step that failed",
        "firmware/runtime/supervisor.py",
        "            self._loop.step(now_ms)\n",
        "            self._board.feed_watchdog()\n            self._loop.step(now_ms)\n",
        "tests/test_supervisor.py::test_a_step_that_completes_feeds_the_watchdog",
    ),
    Bug(
        "weak bits trusted after a power cut",
        "shared/device/journal.py",
        "            self._continue_in_new_block()\n",
        "            self._offset = self._size\n",
        "tests/test_journal.py::test_what_was_read_after_a_cut_is_read_ever_after",
    ),
    Bug(
        "half erased block taken for erased",
        "shared/device/journal_blocks.py",
        "        if mark == ERASED_MARK and self.used_bytes(block) == HEAD_AT:\n",
        "        if self.used_bytes(block) <= HEAD_AT:\n",
        "tests/test_journal.py::test_power_cut_after_power_cut",
    ),
    Bug(
        "a stray head of another journal stops the mount",
        "shared/device/journal_blocks.py",
        "        if others > own:\n",
        "        if others:\n",
        "tests/test_fuzz.py::test_the_corpus_holds[journal]",
    ),
    Bug(
        "a stray head of the highest sequence ends all writes",
        "shared/device/journal_blocks.py",
        "        self._erase_strays()\n",
        "",
        "tests/test_fuzz.py::test_the_corpus_holds[journal]",
    ),
    Bug(
        "a block that is given up keeps its sequence",
        "shared/device/journal_blocks.py",
        "        self.states[block] = DIRTY\n        self.newest = max(max(self.states), 0)\n",
        "        self.states[block] = DIRTY\n",
        "tests/test_journal.py"
        "::test_a_head_of_the_highest_sequence_on_an_erased_flash_ends_no_puts",
    ),
    Bug(
        "a vehicle takes a pole whose packets and its own wait outlast its link timeout",
        "firmware/vehicle/offer_check.py",
        "    if offer.packet_ms + config.answer_ms >= config.link_timeout_ms:\n",
        "    if offer.packet_ms + config.retry_ms >= config.link_timeout_ms:\n",
        "tests/test_lying_pole.py::test_the_slowest_pole_that_a_vehicle_takes",
    ),
    Bug(
        "a vehicle that may risk nothing starts",
        "firmware/vehicle/config.py",
        '    ("prepay", whole(1, MAX_AMOUNT), REQUIRED),\n',
        '    ("prepay", whole(0, MAX_AMOUNT), REQUIRED),\n',
        "tests/test_fitting_configurations.py"
        "::test_each_vehicle_that_is_accepted_charges_at_a_pole_that_fits",
    ),
    Bug(
        "an issuer's second entry starts",
        "firmware/pole/config.py",
        "        if issuer_of(config, issuer.key) is not issuer:\n",
        "        if False:\n",
        "tests/test_fitting_configurations.py"
        "::test_each_pole_that_is_accepted_charges_a_vehicle_that_fits",
    ),
    Bug(
        "more channels than the storage has keys for",
        "shared/device/open_journal.py",
        "    if channels > most and role == journal_keys.POLE:\n",
        "    if False:\n",
        "tests/test_journal_keys.py"
        "::test_a_storage_that_is_too_small_for_the_channels_is_refused_by_name",
    ),
    Bug(
        "a flash that fails at the first start ends the firmware",
        "firmware/runtime/supervisor.py",
        "        except FlashFailing as error:\n"
        "            self._give_up(describe(error), board.now_ms())\n",
        "",
        "tests/test_supervisor.py"
        "::test_a_journal_without_room_for_bad_blocks_is_tried_again_at_the_first_start",
    ),
    Bug(
        "flash erased inside a packet",
        "shared/device/journal.py",
        "        if not self.can_put(size):\n",
        "        self.erase_ahead()\n        if not self.can_put(size):\n",
        "tests/test_journal.py::test_a_put_without_erase_steps_is_refused_in_time",
    ),
    Bug(
        "what a power cut left unbilled is forgotten",
        "firmware/pole/recovery.py",
        "            self._bill(record, energy_mwh, meter.step_mwh)\n",
        "            pass\n",
        "tests/test_recovery.py"
        "::test_what_flowed_after_the_last_stored_update_is_billed_at_the_next_start",
    ),
    Bug(
        "an offer tells a record that is not billed to its end",
        "firmware/pole/books.py",
        "        self._store_closed()\n        self.recover(meter)\n",
        "        self.recover(meter)\n        self._store_closed()\n",
        "tests/test_failing_flash.py::test_an_offer_waits_until_the_session_before_is_billed_to_its_end",
    ),
    Bug(
        "an accept of a record that has changed",
        "firmware/pole/books.py",
        "        return self.records.load(channel_id).energy_mwh == record.energy_mwh\n",
        "        return True\n",
        "tests/test_failing_flash.py::test_an_offer_whose_record_has_changed_is_not_accepted",
    ),
    Bug(
        "a figure that outgrows its field stops each start",
        "shared/device/payee_records.py",
        "    record.amount_due = min(record.amount_due, _MOST_DUE)\n",
        "    record.amount_due += 0\n",
        "tests/test_recovery.py::test_no_stored_figure_keeps_the_pole_from_starting",
    ),
    Bug(
        "nothing billed after a power cut when the register went too far",
        "firmware/pole/recovery.py",
        "        energy_mwh = min(energy_mwh, record.energy_mwh + most_mwh)\n",
        "        if energy_mwh > record.energy_mwh + most_mwh:\n            return\n",
        "tests/test_recovery.py::test_the_registers_word_is_billed_up_to_the_bound_and_once",
    ),
    Bug(
        "a line that is never silent starves the erase of flash",
        "firmware/runtime/supervisor.py",
        "not (is_quiet or self._until_idle.is_over(self._now_ms)):",
        "not is_quiet:",
        "tests/test_supervisor.py::test_a_line_that_is_never_silent_does_not_starve_the_slow_work",
    ),
    Bug(
        "energy flows while no invoice can be cut",
        "firmware/pole/payee.py",
        "        elif packetizer.is_late(now_ms):\n",
        "        elif False:\n",
        "tests/test_pole_loop.py::test_no_energy_flows_for_which_no_invoice_can_be_cut",
    ),
    Bug(
        "an issuer's word that it has paid gives a place back",
        "firmware/pole/slots.py",
        "        uncollected = max(record.amount - standing.collected, 0)\n",
        "        uncollected = max(record.amount - standing.settled, 0)\n",
        "tests/test_slots.py::test_an_issuers_word_that_it_has_paid_gives_no_place",
    ),
    Bug(
        "a wrong clock at the first start locks certificates out",
        "firmware/pole/clock.py",
        "            later_s = _AGREE_S + self._uptime_s // 1_000\n",
        "            pass\n",
        "tests/test_pole_clock.py"
        "::test_a_clock_that_is_corrected_after_the_first_start_corrects_the_birth",
    ),
    Bug(
        "the mark of a restored copy keeps a birth that an issuer told",
        "firmware/pole/clock.py",
        "        row.born_s = _UNBORN_S\n",
        "        pass\n",
        "tests/test_pole_clock.py::test_a_host_that_restores_an_image_marks_it",
    ),
    Bug(
        "a small certificate moves a debt out of its issuer's limit",
        "firmware/pole/admission.py",
        "        own = max(certificate.capacity, records.debt(channel_id))\n",
        "        own = certificate.capacity\n",
        "tests/test_pole_rules.py::"
        "test_a_renewal_moves_no_debt_to_an_issuer_that_is_trusted_for_less",
    ),
    Bug(
        "a capacity that fills its field is taken",
        "shared/joulestream/channel.py",
        " or certificate.capacity > MAX_AMOUNT:\n",
        ":\n",
        "tests/test_adversaries.py::test_a_liar_gains_no_more_than_documented[issuer-certifies-all-that-a-field-holds]",
    ),
    Bug(
        "a stated due that fills its field is taken",
        "firmware/pole/admission.py",
        " or accept.amount_due > MAX_AMOUNT:\n",
        ":\n",
        "tests/test_pole_rules.py::test_no_due_of_2_to_the_63_is_taken",
    ),
    Bug(
        "a renewal counts for the vehicle before the pole took it",
        "firmware/vehicle/payer.py",
        "            self._shown.append(certificate)\n",
        "            self._shown.append(certificate)\n            payments.use(certificate)\n",
        "tests/test_pole_rules.py::test_a_renewal_that_is_lost_raises_no_limit_too_early",
    ),
    Bug(
        "a renewal that is no better ends the session",
        "firmware/pole/payee.py",
        "        if is_better(certificate, charging.certificate):\n",
        "        if not is_better(certificate, charging.certificate):\n"
        "            raise PeerError(errors.BAD_FIELD)\n"
        "        else:\n",
        "tests/test_pole_rules.py::test_a_renewal_that_is_no_better_changes_nothing",
    ),
    Bug(
        "a price announced before the first invoice is paid",
        "firmware/pole/payee.py",
        "        if charging.packets:\n",
        "        if True:\n",
        "tests/test_pole_rules.py::test_nothing_is_asked_before_the_first_invoice_is_paid",
    ),
    Bug(
        "a claim for nothing new is written again",
        "firmware/vehicle/wallet.py",
        "        if not self.records.holds(channel_id, record):\n",
        "        if True:\n",
        "tests/test_vehicle_writes.py::test_packets_of_no_energy_are_answered_without_a_write",
    ),
    Bug(
        "invoices for little energy are written without a budget",
        "firmware/vehicle/payer.py",
        "        if is_little and not self._budget.allows(1, now_ms):\n",
        "        if False:\n",
        "tests/test_vehicle_writes.py::"
        "test_invoices_for_little_wait_for_the_budget_and_those_for_more_do_not",
    ),
    Bug(
        "prices are written without a budget",
        "firmware/vehicle/payer.py",
        "        self._budget.owe(1, now_ms)\n",
        "",
        "tests/test_adversaries.py::test_a_liar_gains_no_more_than_documented"
        "[pole-changes-its-price-for-no-energy]",
    ),
    Bug(
        "one failed program ends the session",
        "shared/device/put_again.py",
        "    except OSError as error:\n        try:\n",
        "    except OSError as error:\n        raise error\n        try:\n",
        "tests/test_failing_flash.py::test_one_failed_program_ends_no_session",
    ),
    Bug(
        "a flash that fails for a moment ends the visit",
        "firmware/vehicle/visit.py",
        "    errors.CARRIED_DEBT,\n)\n",
        "    errors.CARRIED_DEBT,\n    errors.STORE_FAILED,\n)\n",
        "tests/test_failing_flash.py::"
        "test_after_seconds_of_a_failing_flash_of_the_pole_the_vehicle_comes_back",
    ),
    Bug(
        "a pole that gives up before the own meter shows energy is taken",
        "firmware/vehicle/offer_check.py",
        "    if longest_silence_ms(offer, config, own_meter.step_mwh) >= offer.link_timeout_ms:\n",
        "    if False:\n",
        "tests/test_slow_own_meter.py::test_a_pole_that_does_not_wait_for_the_own_meter_is_refused",
    ),
    Bug(
        "a pole whose credit ends before the own meter shows energy is taken",
        "firmware/vehicle/offer_check.py",
        "    if most < packet_amount(offer.price_per_kwh, late_mwh):\n",
        "    if False:\n",
        "tests/test_slow_own_meter.py"
        "::test_a_pole_whose_credit_ends_before_the_own_meter_shows_energy_is_refused",
    ),
    Bug(
        "a link that is too slow for any session starts",
        "host_tools/link_speed.py",
        '        ("link_timeout_ms", _LINK_TIMEOUT_MS, greeting_ms(baud) + 1),\n',
        "",
        "tests/test_link_speed.py::test_each_time_that_is_too_short_is_named",
    ),
    Bug(
        "a vehicle without a meter tolerates no other meter",
        "firmware/vehicle/payment.py",
        "            config.audit_percent,\n",
        "            config.audit_percent if config.audit == 'meter' else 0,\n",
        "tests/test_honest_audit.py::test_a_vehicle_without_a_meter_draws_its_maximum",
    ),
    Bug(
        "a debt on trust makes a pole too poor for a slow own meter",
        "firmware/vehicle/offer_check.py",
        "    most = offer.credit + min(offer.prepay, config.prepay)\n",
        "    most = offer.credit - record.left_amount + prepay\n",
        "tests/test_simulation.py"
        "::test_a_debt_on_trust_makes_no_pole_too_poor_for_a_slow_own_meter",
    ),
    Bug(
        "a debt on trust leaves no room for what the pole's register shows late",
        "firmware/vehicle/carried_debt.py",
        "        gaps_mwh = [max(spare_mwh - step_mwh, 0), max(spare_mwh, 0)]\n",
        "        gaps_mwh = [max(spare_mwh, 0)]\n",
        "tests/test_refused_debt.py"
        "::test_a_debt_on_trust_leaves_room_for_what_the_poles_register_shows_late",
    ),
    Bug(
        "a glitch of the pilot ends the visit",
        "firmware/vehicle/visit.py",
        "    errors.CARRIED_DEBT,\n)\n",
        "    errors.CARRIED_DEBT,\n    errors.UNPLUGGED,\n)\n",
        "tests/test_simulation.py::test_no_glitch_of_the_pilot_ends_a_visit",
    ),
    Bug(
        "a dear minute ends the visit",
        "firmware/vehicle/visit.py",
        "    errors.CARRIED_DEBT,\n)\n",
        "    errors.CARRIED_DEBT,\n    errors.PRICE_TOO_HIGH,\n)\n",
        "tests/test_visit.py::test_a_dear_minute_ends_no_visit",
    ),
    Bug(
        "a reason that nobody sorted ends the visit",
        "firmware/vehicle/visit.py",
        "        self.is_over = not pause_ms or reason in LASTING\n",
        "        self.is_over = not pause_ms or reason not in _SOON\n",
        "tests/test_visit.py::test_each_reason_is_sorted_by_whether_it_passes_without_the_owner",
    ),
    Bug(
        "a pole that ends each session at once is greeted as often as ever",
        "firmware/vehicle/visit.py",
        "            self._later_ms = min(2 * pause_ms, _LONGEST_PAUSE_MS)\n",
        "",
        "tests/test_visit.py::test_a_pole_that_always_says_unplugged_is_greeted_ever_less_often",
    ),
    Bug(
        "a refused certificate is shown again and again",
        "firmware/vehicle/certificate_choice.py",
        "                    certificate.signature not in self._refused,\n",
        "",
        "tests/test_certificate_choice.py::test_each_kind_of_useless_channel_blocks_no_good_one",
    ),
    Bug(
        "a spent channel pays before one with room",
        "firmware/vehicle/certificate_choice.py",
        "            due + packet <= certificate.capacity\n",
        "            signed < certificate.capacity\n",
        "tests/test_certificate_choice.py::test_a_spent_channel_is_not_even_tried",
    ),
    Bug(
        "a refused renewal ends the session",
        "firmware/pole/payee.py",
        "            if not renewal_reason(certificate, self.admission, self.session, now_ms):\n",
        "            reason = renewal_reason(certificate, self.admission, self.session, now_ms)\n"
        "            if reason:\n                raise PeerError(reason)\n"
        "            if not reason:\n",
        "tests/test_certificate_choice.py::"
        "test_a_renewal_that_is_refused_ends_no_session_and_the_next_one_is_shown",
    ),
    Bug(
        "a refused renewal is the only one that is shown",
        "firmware/vehicle/certificate_choice.py",
        "                and certificate.signature not in shown\n",
        "",
        "tests/test_certificate_choice.py::"
        "test_a_renewal_that_is_refused_ends_no_session_and_the_next_one_is_shown",
    ),
    Bug(
        "trust takes all of the prepayment",
        "firmware/vehicle/carried_debt.py",
        "    return prepay - max(packet - usable_credit(offer, record), 0)\n",
        "    return prepay\n",
        "tests/test_refused_debt.py"
        "::test_a_vehicle_trusts_no_further_than_it_can_still_pay_for_a_packet",
    ),
    Bug(
        "no packet ends early for a slow meter",
        "firmware/pole/cover.py",
        "        self._early_mwh = self.paying_mwh + jump_mwh\n",
        "        self._early_mwh = 0\n",
        "tests/test_steady_lines.py"
        "::test_the_cover_that_the_pole_asks_for_keeps_the_contactor_closed",
    ),
    Bug(
        "one coarse claim unit counts as cover",
        "firmware/pole/cover.py",
        "return max(packet_amount(price_per_kwh, self._least_mwh), self.early(price_per_kwh) + 1)",
        "return packet_amount(price_per_kwh, self._least_mwh)",
        "tests/test_steady_lines.py::test_a_coarse_claim_unit_keeps_the_contactor_closed",
    ),
    Bug(
        "packets that end early count as unpaid writes",
        "firmware/pole/packetizer.py",
        "        self.is_worth = flowed_mwh >= self._worth_mwh\n",
        "        self.is_worth = flowed_mwh >= self._energy_mwh\n",
        "tests/test_steady_lines.py"
        "::test_the_cover_that_the_pole_asks_for_keeps_the_contactor_closed",
    ),
    Bug(
        "credit that a left debt uses up counts as cover",
        "firmware/pole/charging_session.py",
        "        return self.credit - self.left + self._prepay\n",
        "        return self.credit + self._prepay\n",
        "tests/test_refused_debt.py::test_a_debt_that_is_left_leaves_cover_for_a_steady_current",
    ),
    Bug(
        "a pole that forgot leaves out what was paid ahead",
        "shared/joulestream/tariff.py",
        "    return max(packet, offer.prepay + min(offer.credit, offer.best_amount))\n",
        "    return packet\n",
        "tests/test_paid_floor.py"
        "::test_an_honest_vehicle_pays_nothing_twice_to_a_pole_that_forgot",
    ),
    Bug(
        "a left debt is kept though the pole forgot it",
        "firmware/vehicle/offer_check.py",
        "    if asked < known and record.left_amount:\n",
        "    if False:\n",
        "tests/test_refused_debt.py"
        "::test_a_debt_that_is_left_is_forgotten_when_the_pole_forgets_it",
    ),
    Bug(
        "an issuer's word spends more than the budget",
        "firmware/vehicle/offer_check.py",
        "offer.best_amount) > wallet.budget_left:",
        "offer.best_amount) > 1 << 62:",
        "tests/test_paid_floor.py::test_an_issuers_word_spends_no_more_than_the_budget",
    ),
    Bug(
        "an invoice that the vehicle cannot know",
        "firmware/pole/admission.py",
        "                if shown.claimed < settled:\n",
        "                if False:\n",
        "tests/test_paid_floor.py"
        "::test_a_vehicle_that_lost_its_wallet_needs_the_newest_certificate",
    ),
    Bug(
        "a channel changes its payer",
        "firmware/pole/admission.py",
        "        if held is not None and held.payer_key != payer_key:\n",
        "        if False:\n",
        "tests/test_pole_rules.py::test_a_channel_keeps_the_payer_of_its_stored_claim",
    ),
    Bug(
        "a pole without a clock offers its first price",
        "firmware/pole/price_schedule.py",
        "        if time_s == 0:\n",
        "        if False:\n",
        "tests/test_prices_and_limits.py::test_without_a_clock_the_offer_has_the_dearest_price",
    ),
    Bug(
        "a step that was seen and forgotten looks like a new meter",
        "firmware/pole/recovery.py",
        "        step_mwh = max(meter.step_mwh, self._config.packet_energy_mwh)\n",
        "        step_mwh = meter.step_mwh\n",
        "tests/test_recovery.py"
        "::test_a_session_that_began_inside_a_step_of_the_register_bills_nothing_made_up",
    ),
    Bug(
        "a restored copy bills the session that was open then",
        "firmware/pole/restored.py",
        "    close_log(journal)\n",
        "    pass\n",
        "tests/test_paid_floor.py::test_a_copy_from_the_middle_of_a_session_bills_nothing_again",
    ),
    Bug(
        "a first step counts whole, however long it is",
        "firmware/meter/estimate.py",
        "        whole_mwh = min(moved_mwh - step_mwh, most_mwh)\n",
        "        whole_mwh = moved_mwh - step_mwh\n",
        "tests/test_meter.py::test_a_first_step_counts_no_more_than_can_have_flowed",
    ),
    Bug(
        "one move of the register looks like welded contacts",
        "firmware/pole/welding.py",
        "            if meter.total_mwh == self._seen_mwh:\n",
        "            if False:\n",
        "tests/test_pole_loop.py::test_a_register_that_went_and_comes_back_raises_no_alarm",
    ),
    Bug(
        "a smoothed power figure looks like welded contacts",
        "firmware/pole/welding.py",
        "        fell = power_mw < self._lowest_mw\n",
        "        fell = False\n",
        "tests/test_pole_loop.py::test_a_meter_that_smooths_its_power_or_lags_raises_no_alarm",
    ),
    Bug(
        "a register that lags looks like welded contacts",
        "firmware/pole/welding.py",
        "if self._start_mwh is None and self._late.is_over(now_ms):\n",
        "if self._start_mwh is None:\n",
        "tests/test_pole_loop.py::test_a_meter_that_smooths_its_power_or_lags_raises_no_alarm",
    ),
    Bug(
        "power that falls hides welded contacts",
        "firmware/pole/welding.py",
        "if self._start_mwh is None or meter.total_mwh - self._start_mwh <= meter.step_mwh:",
        "if power_mw >= self._least_power_mw or self._start_mwh is None:",
        "tests/test_pole_loop.py::test_welded_contacts_are_found_at_a_power_that_falls_for_minutes",
    ),
    Bug(
        "a full wallet spends an issuer's word for nothing",
        "firmware/vehicle/wallet.py",
        "        self._spend(small_int(amount - record.signed))\n        record.signed = amount\n"
        "\n    def sign_claim(",
        "        record.signed = amount\n\n    def sign_claim(",
        "tests/test_wallet_room.py::test_a_full_wallet_counts_an_issuers_word_as_spent",
    ),
    Bug(
        "a claim is stored under a certificate that is not",
        "firmware/pole/books.py",
        "                    raise PeerError(errors.STORE_FAILED)\n                return False\n",
        "                    pass\n                return False\n",
        "tests/test_pole_rules.py"
        "::test_no_claim_is_stored_under_an_issuer_whose_certificate_must_wait",
    ),
    Bug(
        "an offer is kept alive by proofs of time",
        "shared/joulestream/session.py",
        "        if number != TIME:\n",
        "        if number:\n",
        "tests/test_lying_vehicle.py::test_an_offer_is_not_kept_alive_to_use_an_old_proof_of_time",
    ),
    Bug(
        "a place taken back though its claim is not collected",
        "firmware/pole/slots.py",
        "        if not uncollected and now_s",
        "        if now_s",
        "tests/test_slots.py::test_a_place_is_given_in_the_order_of_the_rules",
    ),
    Bug(
        "a first claim below a packet takes a place",
        "firmware/pole/books.py",
        "            if record.amount < charging.packet:\n",
        "            if False:\n",
        "tests/test_slots.py::test_a_first_claim_below_a_packet_takes_no_place",
    ),
    Bug(
        "unpaid writes without a budget",
        "shared/device/write_budget.py",
        "        return self._owed_ms + records * self._record_ms <= _BURST_MS\n",
        "        return True\n",
        "tests/test_wear.py"
        "::test_an_attack_writes_no_more_than_paid_traffic_of_one_packet_a_second",
    ),
    Bug(
        "debt carried over at the dearest price agreed",
        "firmware/vehicle/carried_debt.py",
        "    tariff = Tariff(record.energy_mwh, 0, record.price_per_kwh)\n",
        "    dearest = max(record.price_per_kwh, record.next_price_per_kwh)\n"
        "    tariff = Tariff(record.energy_mwh, 0, dearest)\n",
        "tests/test_carry_over.py"
        "::test_a_debt_carried_over_costs_what_was_agreed_and_not_what_is_agreed_for_later",
    ),
    Bug(
        "price accepted before it is stored",
        "firmware/vehicle/payer.py",
        "            self._wallet.store(self._channel_id, payments.record)\n",
        "            pass\n",
        "tests/test_carry_over.py::test_prices_are_stored_before_they_are_accepted",
    ),
    Bug(
        "tolerance of cheap energy collected at a high price",
        "firmware/vehicle/payment.py",
        "            self.audit.move_mark(self.record)\n",
        "            pass\n",
        "tests/test_lying_pole.py"
        "::test_what_was_left_out_at_a_low_price_is_not_billed_at_a_high_one",
    ),
    Bug(
        "tag of a sealed key not verified",
        "shared/device/keystore.py",
        "    if not same(hmac_sha256(tag_key, data[:-_TAG_SIZE]), record.tag):\n",
        "    if False:\n",
        "tests/test_keystore.py::test_every_change_of_a_byte_is_refused",
    ),
    Bug(
        "bytes behind a message ignored",
        "shared/joulestream/messages.py",
        "    if len(payload) != _SIZES[number]:\n",
        "    if len(payload) < _SIZES[number]:\n",
        "tests/test_fuzz.py::test_the_corpus_holds[messages]",
    ),
    Bug(
        "a pole's record that shrinks stored",
        "shared/device/payee_records.py",
        "            or record.amount_due < self._stored_due\n",
        "",
        "tests/test_payee_records.py::test_a_record_that_shrinks_is_not_stored",
    ),
    Bug(
        "a vehicle's record that shrinks stored",
        "shared/device/payer_record.py",
        "            record.signed < self._stored_signed\n            or record.amount_due",
        "            record.amount_due",
        "tests/test_wallet.py::test_the_wallet_stores_no_record_that_shrinks",
    ),
    Bug(
        "a channel of another version taken for a new one",
        "firmware/pole/books.py",
        "        if not self.records.is_readable(channel_id):\n"
        "            raise PeerError(errors.STORE_FAILED)\n",
        "",
        "tests/test_other_versions.py::test_a_channel_of_another_version_is_refused_and_nothing_of_it_is_overwritten",
    ),
    Bug(
        "an own record of another version passes for a broken frame of the peer",
        "shared/device/own_record.py",
        "    except MalformedError:\n",
        "    except ZeroDivisionError:\n",
        "tests/test_other_versions.py::test_other_channels_are_not_touched_and_no_place_is_lost",
    ),
    Bug(
        "a channel of another version gives its place away",
        "firmware/pole/slots.py",
        "        if not records.is_readable(channel_id):\n            return _NEVER, 0\n",
        "        if not records.is_readable(channel_id):\n            return 1, 0\n",
        "tests/test_other_versions.py::test_other_channels_are_not_touched_and_no_place_is_lost",
    ),
    Bug(
        "a cut session of a channel of another version holds the pole up",
        "firmware/pole/recovery.py",
        "        if last is None or not self._records.is_readable(last.channel_id):\n",
        "        if last is None:\n",
        "tests/test_other_versions.py::test_a_session_that_was_cut_is_billed_to_no_channel_of_another_version",
    ),
    Bug(
        "times of another version stop the start",
        "firmware/pole/clock.py",
        "    if data is None or not is_times(data):\n",
        "    if data is None:\n",
        "tests/test_other_versions.py::test_times_of_another_version_count_as_those_of_a_new_journal",
    ),
    Bug(
        "closings of another version forgotten",
        "firmware/pole/contactor.py",
        "            stored = bytes(_CLOSINGS_SIZE) + bytes((_HIGHEST_LEVEL,))\n",
        "            stored = bytes(_CLOSINGS_SIZE + 1)\n",
        "tests/test_other_versions.py::test_closings_of_another_version_begin_with_a_rest",
    ),
    Bug(
        "an alarm count of another version forgotten",
        "firmware/pole/welding.py",
        "            self.number, self._stored = min(checked + 1, _MOST_ALARMS), -1\n",
        "            self.number = 0\n",
        "tests/test_other_versions.py::test_an_alarm_count_of_another_version_is_an_alarm_that_a_person_can_end",
    ),
    Bug(
        "the board's gate opens before the pole notices a late step",
        "firmware/pole/main.py",
        "config.contactor_hold_ms >= gate_ms:",
        "config.contactor_hold_ms > gate_ms:",
        "tests/test_board_contract.py::test_a_pole_notices_a_late_step_before_its_gate_opens",
    ),
    Bug(
        "a pole starts with a native module that it cannot use",
        "firmware/pole/main.py",
        "        check_native()\n",
        "",
        "tests/test_native_module.py::test_the_unix_board_says_one_sentence",
    ),
    Bug(
        "a start that is refused makes the flash",
        "shared/device/open_journal.py",
        "    blocks, size = board.storage_shape()\n",
        "    board.storage()\n    blocks, size = board.storage_shape()\n",
        "tests/test_journal_keys.py::test_a_storage_that_is_too_small_for_the_channels_is_refused_by_name",
    ),
    Bug(
        "a hold time that an erase of flash outlasts",
        "firmware/pole/config.py",
        "whole(_LEAST_HOLD_MS, 10_000)",
        "whole(20, 10_000)",
        "tests/test_config.py::test_limits_of_the_pole",
    ),
    Bug(
        "one name for the way to every gate",
        "firmware/boards/unix.py",
        '        path = "%s/%s" % (os.getenv("TMPDIR") or "/tmp", name)\n',
        '        path = self._config.storage + ".gate"\n',
        "tests/test_gate.py::test_a_start_that_was_killed_keeps_no_contactor_open",
    ),
    Bug(
        "a file that came after a killed run removed",
        "host_tools/own_files.py",
        "            is_own = path.stat().st_ctime <= last_s\n",
        "            is_own = path.stat().st_mtime <= last_s\n",
        "tests/test_own_files.py::test_a_file_that_came_after_a_killed_run_is_not_touched",
    ),
    Bug(
        "a second start on one storage",
        "host_tools/storage_lock.py",
        "fcntl.LOCK_EX | fcntl.LOCK_NB",
        "fcntl.LOCK_SH | fcntl.LOCK_NB",
        "tests/test_storage_lock.py::test_the_second_user_is_told_who_the_first_is_and_a_crash_frees_the_storage",
    ),
    Bug(
        "a firmware that outlives its starter holds no lock",
        "host_tools/bench/firmware.py",
        "            pass_fds=self.lock.descriptors,\n",
        "",
        "tests/test_storage_lock.py::test_a_firmware_holds_the_lock_of_its_storage_itself",
    ),
    Bug(
        "damaged records side by side hide those behind them",
        "shared/device/journal_index.py",
        "            if 0 < skipped <= most and",
        "            if skipped == 1 and",
        "tests/test_fuzz.py::test_the_corpus_holds[journal]",
    ),
    Bug(
        "invoices above the own meter paid",
        "firmware/vehicle/audit.py",
        "return OVERBILLED if self._billed_now_mwh(energy_mwh) > bound_mwh else 0",
        "return 0",
        "tests/test_fuzz.py::test_the_corpus_holds[charging]",
    ),
    Bug(
        "a time believed for good, whatever its source",
        "firmware/pole/clock.py",
        "        floor_s = self._rows[key].floor_s\n",
        "        row = self._rows[key]\n"
        "        row.floor_s = floor_s = max(row.floor_s, start + self.tick(now_ms))\n",
        "tests/test_pole_clock.py::test_all_histories_of_up_to_four_events",
    ),
    Bug(
        "an issuer's time judges another's certificates",
        "firmware/pole/clock.py",
        "        start = self._told.get(key, self._board)\n",
        "        start = max(self._told.values()) if self._told else self._board\n",
        "tests/test_adversaries.py::test_a_liar_gains_no_more_than_documented[issuer-tells-the-past-for-another-issuer's-certificate]",
    ),
    Bug(
        "the board's clock read once",
        "firmware/pole/clock.py",
        "        self._board = self._read_board()\n        self._ahead_s = 0\n",
        "",
        "tests/test_pole_clock.py::test_a_clock_that_is_corrected_seconds_later_refuses_nothing_then",
    ),
    Bug(
        "a build date taken for the time",
        "firmware/pole/clock.py",
        "        if not quality or not BUILT_S",
        "        if not BUILT_S",
        "tests/test_pole_clock.py::test_all_histories_of_up_to_four_events",
    ),
    Bug(
        "a clock that jumps in a session believed at once",
        "firmware/pole/clock.py",
        "        if abs(ahead_s - self._ahead_s) <= _AGREE_S:\n",
        "        if ahead_s:\n",
        "tests/test_pole_clock.py::test_a_clock_that_jumps_in_a_session_and_comes_back_stops_nothing",
    ),
    Bug(
        "a new journal takes old certificates",
        "firmware/pole/clock.py",
        "        return CERTIFICATE_OLD if certificate.issued_at_s < born_s else 0\n",
        "        return 0\n",
        "tests/test_adversaries.py::test_a_liar_gains_no_more_than_documented[vehicle-shows-its-old-certificate-when-the-pole's-journal-is-gone]",
    ),
    Bug(
        "a lying issuer moves the journal's birth for all",
        "firmware/pole/clock.py",
        "                row.born_s = start\n",
        "                self._born_s = start\n",
        "tests/test_pole_clock.py::test_a_liar_moves_the_birth_for_itself_alone",
    ),
    Bug(
        "the collected amount is no floor for claims",
        "firmware/pole/verify.py",
        "        charging.paid,\n",
        "        charging.record.amount,\n",
        "tests/test_adversaries.py::test_a_liar_gains_no_more_than_documented[vehicle-signs-its-old-totals-again-when-the-pole's-journal-is-gone]",
    ),
    Bug(
        "a certificate raises the debt of a healthy pole",
        "firmware/pole/admission.py",
        "        if record.amount < settled:  #",
        "        if settled:  #",
        "tests/test_paid_floor.py::test_a_pole_that_lost_nothing_asks_for_no_more_because_of_a_certificate",
    ),
    Bug(
        "an older certificate taken again",
        "firmware/pole/admission.py",
        "        if held is None or not is_older(shown, held):\n",
        "        if True:\n",
        "tests/test_paid_floor.py::test_an_older_certificate_is_never_taken_again",
    ),
    Bug(
        "a flash that cannot be opened made anew",
        "firmware/boards/file_flash.py",
        "            if error.errno != _ENOENT:\n                raise\n",
        "",
        "tests/test_own_files.py::test_a_flash_that_cannot_be_opened_is_never_made_anew",
    ),
    Bug(
        "a file has its name before it is whole",
        "host_tools/files.py",
        "        self.unfinished = _unfinished(self.path)\n",
        "        self.unfinished = self.path\n",
        "tests/test_own_files.py::test_a_new_file_never_replaces_another",
    ),
    Bug(
        "a seed deleted though its ledger may exist",
        "host_tools/ledger/creation.py",
        "    except CommitUncertain as error:\n",
        "    except NotImplementedError as error:\n",
        "tests/test_own_files.py::test_a_seed_is_kept_when_its_ledger_may_exist",
    ),
    Bug(
        "files of others removed",
        "host_tools/own_files.py",
        "            is_own = kept.get(name) == _digest(path)\n",
        "            pass\n",
        "tests/test_own_files.py::test_files_of_a_run_are_replaced_while_they_are_as_it_left_them",
    ),
    Bug(
        "a certificate's file not verified",
        "host_tools/certificate_files.py",
        "    reason = genuine_reason(certificate)\n",
        "    reason = 0\n",
        "tests/test_own_files.py::test_a_certificate_replaces_only_a_certificate_of_its_channel",
    ),
    Bug(
        "a ledger that does not work refuses claims",
        "host_tools/ledger/database.py",
        '            raise DatabaseError(f"{self.name} {_sentence(error.orig)}") from error\n',
        '            raise LedgerError(f"{self.name} {_sentence(error.orig)}") from error\n',
        "tests/test_command_errors.py::test_a_ledger_that_does_not_work_refuses_no_claim",
    ),
    Bug(
        "a certificate of the caller's time",
        "host_tools/ledger/ledger.py",
        "            return self._database.clock_s(connection)\n",
        '            return int(__import__("time").time())\n',
        "tests/test_ledger_commands.py::test_a_certificate_tells_the_ledger_s_time_and_what_it_paid",
    ),
    Bug(
        "a mark believed from any issuer",
        "host_tools/collect.py",
        "held.issuer_key != certificate.issuer_key or ",
        "",
        "tests/test_settle.py::test_only_the_channel_s_issuer_is_believed",
    ),
    Bug(
        "a mark shortens a certificate",
        "shared/device/payee_records.py",
        " or _outlasts(held, certificate)\n",
        "\n",
        "tests/test_paid_floor.py::test_a_mark_does_not_shorten_the_certificate_of_the_vehicle",
    ),
    Bug(
        "the mark of a closed channel is forgotten",
        "shared/device/payee_records.py",
        "        held.expires_at_s > mark.expires_at_s > mark.issued_at_s\n"
        "        and mark.claimable_until_s >= held.claimable_until_s\n",
        "        held.expires_at_s > mark.expires_at_s\n",
        "tests/test_paid_floor.py::test_the_mark_of_a_closing_or_closed_channel_ends_all_charging",
    ),
    Bug(
        "the watchdog starves while a restart waits",
        "firmware/runtime/supervisor.py",
        "                self._restart(now_ms)\n            self._board.feed_watchdog()\n",
        "                self._restart(now_ms)\n",
        "tests/test_supervisor.py::test_a_restart_that_waits_feeds_the_watchdog_and_keeps_the_reason",
    ),
    Bug(
        "CRC of a meter's answer not checked",
        "firmware/meter/modbus.py",
        "if crc16(response, size - _CRC_SIZE, at) == crc:",
        "if True:",
        "tests/test_modbus.py::test_every_flipped_bit_is_refused",
    ),
    Bug(
        "a meter's answer must come first",
        "firmware/meter/modbus.py",
        "while at >= 0 and at + size <= self._size:",
        "while at == 0 and at + size <= self._size:",
        "tests/test_modbus.py::test_an_answer_is_found_between_other_bytes",
    ),
    Bug(
        "a late answer of a meter taken for a fresh one",
        "firmware/meter/modbus.py",
        "self.variant = (self.variant + 1) % variants",
        "self.variant = 0",
        "tests/test_real_meters.py::test_a_late_answer_is_never_taken_for_a_fresh_one",
    ),
    Bug(
        "a meter of few variants is asked on without a rest",
        "firmware/meter/modbus.py",
        "answers = _REST_ANSWERS",
        "answers = self._lost",
        "tests/test_meter_models.py::"
        "test_a_late_answer_is_never_taken_for_a_fresh_one_by_a_meter_of_few_variants",
    ),
    Bug(
        "the words of a register in the wrong order",
        "firmware/meter/registers.py",
        "value = (value & 0xFFFF) << 16 | value >> 16",
        "pass",
        "tests/test_meter_makers.py::test_every_format_is_read",
    ),
    Bug(
        "a chip that lost its supply is read on",
        "firmware/meter/ina228.py",
        "if not self._is_set_up or self._read(_SHUNT_CAL, 2) != self._cal:",
        "if not self._is_set_up:",
        "tests/test_desk_meters.py::"
        "test_a_chip_that_lost_its_supply_is_set_up_again_and_its_register_goes_on",
    ),
    Bug(
        "a meter is probed without a pause",
        "host_tools/meter_probe.py",
        "self._wire.pause(_PAUSE_MS)\n            answer, _",
        "answer, _",
        "tests/test_meter_probe.py::test_every_model_is_found_as_the_maker_delivers_it",
    ),
    Bug(
        "a reading as young as its last byte",
        "firmware/meter/watch.py",
        "asked_ms = reading.asked_ms",
        "asked_ms = reading.time_ms",
        "tests/test_real_meters.py::test_the_age_of_a_reading_counts_from_its_question",
    ),
    Bug(
        "energy expected of a register while the contactor is open",
        "firmware/meter/watch.py",
        "if contactor_closed is not False:",
        "if True:",
        "tests/test_meter.py::"
        "test_energy_that_an_open_contactor_kept_back_is_not_expected_of_the_register",
    ),
    Bug(
        "the frozen rule leaves the reading's interval out",
        "firmware/meter/watch.py",
        "            behind_ms += self._interval_ms\n",
        "            behind_ms += 0\n",
        "tests/test_meter.py::test_a_load_that_ends_right_behind_a_reading_is_no_frozen_register",
    ),
    Bug(
        "every register assumed to step by 1 Wh",
        "firmware/meter/watch.py",
        "_MOST_STEP_MWH = const(100_000)",
        "_MOST_STEP_MWH = const(1_000)",
        "tests/test_real_meters.py::test_coarse_and_slow_meters_charge_declared_or_not",
    ),
    Bug(
        "senseless figures of a meter taken",
        "firmware/meter/registers.py",
        "return value if -self._most_mw <= value <= self._most_mw else None",
        "return value",
        "tests/test_real_meters.py::test_senseless_figures_are_no_reading_and_have_a_reason",
    ),
    Bug(
        "power that flows back not noticed",
        "firmware/meter/watch.py",
        "if not reason and self._back_w_ms > self._most_back_w_ms:",
        "if False:",
        "tests/test_meter.py::test_power_that_flows_back_is_noticed_and_noise_is_not",
    ),
    Bug(
        "a vehicle that feeds back locks the pole for others",
        "firmware/meter/watch.py",
        "                stands = (stands or flows_back) and not self._has_moved\n",
        "                stands = stands or flows_back\n",
        "tests/test_adversaries.py"
        "::test_a_liar_gains_no_more_than_documented[vehicle-feeds-power-back]",
    ),
    Bug(
        "a register that never moves trusted again and again",
        "firmware/meter/watch.py",
        "self._next_wait_ms = max(min(2 * self._wait_ms, _MOST_WAIT_MS), self._recover_ms)",
        "self._next_wait_ms = self._recover_ms",
        "tests/test_meter.py::"
        "test_a_register_that_stands_still_is_doubted_for_twice_as_long_each_time",
    ),
    Bug(
        "a step that began before billed whole",
        "firmware/meter/estimate.py",
        "counted_mwh = min(max(inside_mwh, whole_mwh), moved_mwh)",
        "counted_mwh = moved_mwh",
        "tests/test_real_meters.py::test_a_step_at_the_edge_of_a_session_is_split",
    ),
    Bug(
        "welded contacts not noticed",
        "firmware/pole/welding.py",
        "if self._readings == _READINGS:",
        "if False:",
        "tests/test_pole_loop.py::test_contacts_that_weld_raise_an_alarm_and_the_last_channel_pays",
    ),
    Bug(
        "current through welded contacts billed to nobody",
        "firmware/pole/payee.py",
        "if more_mwh >= self._config.packet_energy_mwh:",
        "if False:",
        "tests/test_pole_loop.py::test_contacts_that_weld_raise_an_alarm_and_the_last_channel_pays",
    ),
    Bug(
        "alarm of the contactor forgotten at a start",
        "firmware/pole/welding.py",
        'int.from_bytes(stored or b"", "big")',
        "0",
        "tests/test_pole_loop.py::test_the_alarm_outlives_a_restart_until_a_person_names_it",
    ),
    Bug(
        "old figures of a slow meter taken for current through open contacts",
        "firmware/meter/counter.py",
        "self.changed_ms = watch.changed_ms",
        "self.changed_ms = reading.asked_ms",
        "tests/test_pole_loop.py::"
        "test_old_figures_of_a_slow_meter_that_nobody_declared_raise_no_alarm",
    ),
    Bug(
        "a timer takes its time with a sign",
        "shared/joulestream/units.py",
        "        if self._runs and (now_ms - self._since_ms) & _TICKS_MASK >= self._duration_ms:",
        "        if self._runs and ticks_diff(now_ms, self._since_ms) >= self._duration_ms:",
        "tests/test_timers.py::test_a_timer_that_was_left_alone_for_days_works[renewal-1000]",
    ),
    Bug(
        "a wire that takes no more gets the rest of a frame as a new one",
        "firmware/link/uart.py",
        "            if not self._rest_size:",
        "            if True:",
        "tests/test_link.py::test_a_uart_that_takes_a_few_bytes_at_a_time_gets_whole_frames",
    ),
    Bug(
        "a peer that does not read makes the outbox grow",
        "firmware/link/uart.py",
        "            if end > MAX_FRAME:",
        "            if end > 1 << 20:",
        "tests/test_link.py::test_a_peer_that_never_reads_costs_frames_and_nothing_else[uart]",
    ),
    Bug(
        "the sequence number of a CAN frame not checked",
        "firmware/link/isotp.py",
        "        if frame[0] & 0x0F != self._expected or size <= count",
        "        if size <= count",
        "tests/test_isotp.py::test_a_wrong_sequence_number_drops_the_message",
    ),
    Bug(
        "a receiver grants the frame that its own flow control needs",
        "firmware/link/isotp.py",
        "        block = max(1, self._room - 1 if own else self._room)",
        "        block = self._room",
        "tests/test_isotp.py::test_no_more_frames_wait_than_a_controller_with_two_buffers_holds",
    ),
    Bug(
        "a side begins a message while its granted frames fill its room",
        "firmware/link/isotp.py",
        "        return not self._length or self._granted < self._room",
        "        return True",
        "tests/test_isotp.py::test_no_more_frames_wait_than_a_controller_with_two_buffers_holds",
    ),
    Bug(
        "a message on CAN that stops in the middle never times out",
        "firmware/link/isotp.py",
        "        if self._length and self._until_late.is_over(now_ms):",
        "        if self._length and self._until_late.is_over(now_ms) and not self._count:",
        "tests/test_isotp.py::test_a_peer_that_sends_a_first_frame_and_stops_costs_one_timeout",
    ),
    Bug(
        "frames of a message that was given up are sent later",
        "firmware/link/isotp.py",
        "            self._abort()\n            self._give_up(now_ms)",
        "            self._give_up(now_ms)",
        "tests/test_can_link.py::test_nobody_acknowledges_is_said_and_ends_when_the_other_side_comes",
    ),
    Bug(
        "CRC of a message on CAN not checked",
        "firmware/link/can.py",
        "            if self._crc[at] != message[size + at]:",
        "            if False:",
        "tests/test_can_link.py::test_a_message_with_a_wrong_crc_is_dropped",
    ),
    Bug(
        "an acceptance filter that takes neighbours",
        "firmware/link/mcp2515.py",
        '_EXACT = b"\\xff\\xe3\\xff\\xff"',
        '_EXACT = b"\\xff\\xe3\\xff\\xf0"',
        "tests/test_can_link.py::test_a_full_bus_of_other_identifiers_costs_no_frame[mcp2515]",
    ),
    Bug(
        "a receive buffer read out of order",
        "firmware/link/mcp2515.py",
        "                status |= self._status()",
        "                status |= 0",
        "tests/test_can_link.py::test_a_frame_that_comes_between_two_reads_does_not_overtake",
    ),
    Bug(
        "a transmit buffer filled while others wait behind it",
        "firmware/link/mcp2515.py",
        "            if self._status() & _TX_REQUESTS:\n                return False",
        "            pass",
        "tests/test_can_link.py::test_transmit_buffers_keep_the_order_of_frames",
    ),
    Bug(
        "a chip that lost its settings goes unnoticed",
        "firmware/link/mcp2515.py",
        "        if not self._is_set_up() or (self._has_joined and mode != _NORMAL):",
        "        if self._has_joined and mode != _NORMAL:",
        "tests/test_can_link.py::test_a_chip_that_fails_at_work_is_said_and_set_up_anew[timing]",
    ),
    Bug(
        "an slcan adapter's frames of other identifiers taken",
        "firmware/link/slcan.py",
        "            if unhexlify(line[1:_ID_END]) != self._accepted:\n                return",
        "            pass",
        "tests/test_can_link.py::test_a_full_bus_of_other_identifiers_costs_no_frame[slcan]",
    ),
    Bug(
        "two sides of one pair collide again and again",
        "firmware/link/rs485.py",
        "                slots = self._random % _SLOTS",
        "                slots = 0",
        "tests/test_rs485.py::test_two_sides_that_begin_at_once_and_repeat_alike_do_not_collide_for_long[False]",
    ),
    Bug(
        "an own frame on RS-485 taken for the other side's",
        "firmware/link/rs485.py",
        "            if self._stages[at] == _SENT and self._crcs[at] == crc:",
        "            if False:",
        "tests/test_rs485.py::test_an_own_frame_that_comes_back_is_ignored_once",
    ),
    Bug(
        "a restart of the pole forgets the contactor's closings",
        "firmware/pole/contactor.py",
        "        self._begin_rest(now_ms)\n        self._until_forgotten.start(",
        "        self._level = 0\n        self._until_forgotten.start(",
        "tests/test_contactor.py::test_starts_of_the_pole_bring_no_closing_more",
    ),
    Bug(
        "the contactor closes again at once, however often",
        "firmware/pole/contactor.py",
        "        return not self._rest.is_over(now_ms)\n",
        "        return False\n",
        "tests/test_adversaries.py::test_nobody_wears_the_contactor_out[WigglesThePlug]",
    ),
    Bug(
        "packets end at their energy alone",
        "firmware/pole/payee.py",
        "            if not charging.must_invoice():",
        "            if True:",
        "tests/test_steady_current.py::"
        "test_the_least_cover_that_is_accepted_keeps_the_contactor_closed",
    ),
    Bug(
        "a price without cover is announced",
        "firmware/pole/payee.py",
        "        if not charging.covers(price_per_kwh):",
        "        if False:",
        "tests/test_steady_current.py::"
        "test_a_price_without_cover_is_not_announced_and_ends_the_session_in_order",
    ),
    Bug(
        "non-payment opens under full current",
        "firmware/pole/charging_session.py",
        "        return self.credit - self.stop_amount <= self.unpaid",
        "        return False",
        "tests/test_steady_current.py::test_non_payment_opens_in_order",
    ),
    Bug(
        "a heartbeat closes a contactor that fell open",
        "firmware/boards/gate.py",
        "        elif command == DRIVE:",
        "        else:",
        "tests/test_gate.py::"
        "test_a_gate_opens_after_the_hold_time_and_closes_only_when_it_is_driven_anew",
    ),
    Bug(
        "a watt-hour justifies a bill on each channel",
        "firmware/vehicle/energy_owner.py",
        "        if channel_id != self.channel_id:\n            return 0\n",
        "",
        "tests/test_energy_owner.py::test_energy_of_one_key_justifies_no_bill_of_another",
    ),
    Bug(
        "energy from home belongs to the last pole",
        "firmware/vehicle/energy_owner.py",
        "        if self._timer.is_over(now_ms) and self._is_known",
        "        if False and self._is_known",
        "tests/test_energy_owner.py::test_energy_from_home_justifies_no_bill",
    ),
    Bug(
        "energy from before a start counts without a bound",
        "firmware/vehicle/energy_owner.py",
        "        return min(more_mwh, record.tail_mwh) if self._since_start else more_mwh\n",
        "        return more_mwh\n",
        "tests/test_energy_owner.py"
        "::test_what_flowed_before_a_start_counts_up_to_the_tail_and_once",
    ),
    Bug(
        "register of any step believed",
        "firmware/vehicle/offer_check.py",
        "    most_mwh = max(offer.step_mwh, refresh_mwh(offer, config))\n",
        "    most_mwh = refresh_mwh(offer, config)\n",
        "tests/test_lying_pole.py::test_an_offer_whose_meter_is_coarser_than_a_packet_is_refused",
    ),
    Bug(
        "own signature of a forgotten claim proves nothing",
        "firmware/vehicle/offer_check.py",
        "    if proven_amount <= record.signed:\n",
        "    if record.number or proven_amount <= record.signed:\n",
        "tests/test_refused_debt.py::test_a_restored_wallet_goes_on_and_counts_what_was_spent",
    ),
    Bug(
        "amount that a refused offer proves counted again",
        "firmware/vehicle/offer_check.py",
        "    if learn(offer, certificate.claimed, record, wallet):\n",
        "    if learn(offer, certificate.claimed, record, wallet) and False:\n",
        "tests/test_refused_debt.py::test_what_a_refused_offer_proves_is_counted_once",
    ),
    Bug(
        "pole without a journal delivers again what was paid",
        "firmware/vehicle/offer_check.py",
        "    if asked > record.amount_due * MWH_PER_KWH + record.remainder:\n",
        "    if True:\n",
        "tests/test_refused_debt.py::test_a_pole_that_lost_its_journal_gets_the_vehicles_memory",
    ),
    Bug(
        "debt that the owner leaves is paid",
        "firmware/vehicle/payment.py",
        "        wanted = self.amount_to_pay(invoice.amount_due) + prepay\n",
        "        wanted = invoice.amount_due + prepay\n",
        "tests/test_refused_debt.py::test_a_debt_that_is_left_opens_the_channel_and_is_never_paid",
    ),
    Bug(
        "debt that the vehicle leaves is outside the credit",
        "firmware/pole/payee.py",
        "min(record.amount_due - accept.amount_due, credit)",
        "record.amount_due - accept.amount_due",
        "tests/test_refused_debt.py::test_a_debt_that_is_left_takes_a_part_of_the_poles_credit",
    ),
    Bug(
        "wallet pays no more than 31 poles",
        "firmware/vehicle/wallet.py",
        "            if channel_id not in certified:\n",
        "            if False:\n",
        "tests/test_wallet_room.py::test_thousands_of_poles_in_sequence_fit_into_one_flash",
    ),
    Bug(
        "a message of another session is judged by the table",
        "shared/joulestream/session.py",
        "        if not self._is_of_this_session(message):",
        "        if False:",
        "tests/test_late_messages.py::test_late_messages_of_the_same_channel",
    ),
    Bug(
        "a late HELLO begins a session",
        "shared/joulestream/session.py",
        "is_this = not self._greetings.has(message.nonce)",
        "is_this = True",
        "tests/test_late_messages.py::test_late_messages_of_another_channel",
    ),
    Bug(
        "a sequence far ahead belongs to the session",
        "shared/joulestream/session.py",
        "self.tag < message.sequence <= self.sequence + SEQUENCES_AHEAD",
        "self.tag < message.sequence",
        "tests/test_late_messages.py::test_late_messages_of_the_same_channel",
    ),
    Bug(
        "a heartbeat without a completed step",
        "firmware/boards/machine_board.py",
        "        if closed == self._closed:\n            return\n",
        "        if closed == self._closed:\n"
        '            self._drive("HEARTBEAT", self.now_ms() & 8)\n'
        "            return\n",
        "tests/test_machine_boards.py::test_only_completed_steps_give_the_heartbeat",
    ),
    Bug(
        "outputs that a soft reset left closed",
        "firmware/boards/machine_board.py",
        "        self._make_pins_safe()\n        self._config = check_table(TABLE, config)\n",
        "        self._config = check_table(TABLE, config)\n        self._make_pins_safe()\n",
        "tests/test_machine_boards.py::test_a_wrong_configuration_leaves_the_outputs_safe",
    ),
    Bug(
        "pins of another chip are driven",
        "firmware/boards/machine_board.py",
        "        self._check_chip()\n        self._make_pins_safe()\n",
        "        self._make_pins_safe()\n",
        "tests/test_machine_boards.py::test_the_file_of_another_chip_is_refused",
    ),
    Bug(
        "a UART gets more than surely fits",
        "firmware/parts/uart.py",
        "        self._waiting += taken + _OVERHEAD\n",
        "        self._waiting += 0\n",
        "tests/test_machine_boards.py::test_every_board_keeps_the_contract",
    ),
    Bug(
        "FRAM is not read again after a write",
        "firmware/parts/fram.py",
        "            if check != piece:\n",
        "            if check != piece and not piece:\n",
        "tests/test_parts.py::test_fram_that_is_worn_says_so",
    ),
    Bug(
        "a clock that stood still is believed",
        "firmware/parts/ds3231.py",
        "self._status[0] & _STOPPED or self._time",
        "self._time",
        "tests/test_parts.py::test_a_clock_that_stood_still_tells_no_time",
    ),
    Bug(
        "two starts share their random numbers",
        "firmware/parts/random_source.py",
        "            count = _read_count(path) + 1\n",
        "            count = _read_count(path) or 1\n",
        "tests/test_parts.py::test_no_two_starts_share_their_random_numbers",
    ),
    Bug(
        "the safety controller's hold restarts without an edge",
        "firmware/gate/gate.c",
        "    if (edges != 0) {\n        gate->heartbeat_ms",
        "    if (edges != 0 || gate->first_edges != 0) {\n        gate->heartbeat_ms",
        "tests/test_gate_controller.py::test_the_hold_bridges_an_erase_and_ends_before_the_longest_silence",
    ),
    Bug(
        "the safety controller's permission never ends",
        "firmware/gate/gate.c",
        "{&gate->permission_ms, &gate->heartbeat_ms,  &gate->rest_ms,",
        "{&gate->rest_ms, &gate->heartbeat_ms,  &gate->rest_ms,",
        "tests/test_gate_controller.py::test_a_permission_never_lasts_longer_than_its_longest_time",
    ),
    Bug(
        "a trip forgotten at the unplugging, without a test",
        "firmware/gate/gate.c",
        "        gate->faults = 0;\n        gate->test_valid_ms",
        "        gate->faults = gate->tripped = 0;\n        gate->test_valid_ms",
        "tests/test_gate_controller.py::test_a_trip_stays_when_the_test_fails",
    ),
    Bug(
        "a frame repeated for ever permits current",
        "firmware/gate/protocol.c",
        "    if (ahead == 0 || ahead > PROTOCOL_MOST_LOST)",
        "    if (ahead > PROTOCOL_MOST_LOST)",
        "tests/test_gate_controller.py::test_a_counter_that_is_not_just_ahead_permits_nothing_but_is_counted_on_from",
    ),
    Bug(
        "memory of the safety controller not watched",
        "firmware/gate/gate.c",
        "    if (checksum(gate) != gate->seal)",
        "    if (checksum(gate) == 0)",
        "tests/test_gate_controller.py::test_no_flipped_bit_of_the_memory_closes_the_coil_or_keeps_it_closed",
    ),
    Bug(
        "an old answer of the gate counts as a sign of life",
        "firmware/parts/safety_controller.py",
        "        if _number(message, 1, 2) != self._counter:\n            return\n",
        "",
        "tests/test_safety_controller.py::test_an_answer_to_an_older_permission_is_no_sign_of_life",
    ),
    Bug(
        "the diode behind the pilot is not looked for",
        "firmware/parts/pilot.py",
        "            self._has_diode = _middle(self._low_mv) >= _DIODE_MV\n",
        "            self._has_diode = True\n",
        "tests/test_machine_boards.py::test_without_a_diode_no_vehicle_wants_power",
    ),
    Bug(
        "a pilot input that is stuck is believed",
        "firmware/parts/pilot.py",
        "                self.fault = errors.PILOT_FAULTY if peak_mv > _OFF_MV else 0\n",
        "                self.fault = 0\n",
        "tests/test_machine_boards.py::test_an_input_that_shows_a_vehicle_at_minus_12_v_is_stuck",
    ),
    Bug(
        "the duty changes as often as the limit",
        "firmware/parts/pilot.py",
        "        if duty != FULL_DUTY and not self._next_duty.is_over(now_ms):\n",
        "        if duty != FULL_DUTY and not self._settling.is_over(now_ms):\n",
        "tests/test_charger.py::test_the_smallest_limit_is_told_and_the_duty_changes_once_in_5_s",
    ),
    Bug(
        "the contactor stays closed in state B",
        "firmware/pole/charger.py",
        "        (CALM, SUSPENDED),\n",
        "",
        "tests/test_charger.py::test_whatever_is_true_no_state_drives_the_coil_without_all_that_it_needs",
    ),
    Bug(
        "state D charges without ventilation",
        "firmware/pole/charger.py",
        "(pilot == PILOT_D and self._config.ventilation)",
        "pilot == PILOT_D",
        "tests/test_pole_loop.py::test_the_contactor_closes_only_while_the_pilot_says_that_power_is_wanted",
    ),
    Bug(
        "the contactor closes again at once in state C",
        "firmware/pole/charger.py",
        "        contactor.least_rest_ms = times[_RESTART]\n",
        "        contactor.least_rest_ms = times[_RESTART] // 100\n",
        "tests/test_charger.py::test_the_contactor_closes_again_5_s_after_it_opened_for_state_b",
    ),
    Bug(
        "no rest after a fault",
        "firmware/pole/charger.py",
        "            RESTING: fault_ms,\n",
        "            RESTING: 0,\n",
        "tests/test_charger.py::test_after_a_fault_the_pilot_shows_state_f_once_and_rests_for_30_s",
    ),
    Bug(
        "the duty invites a vehicle that has paid nothing",
        "firmware/pole/payee.py",
        "            and charging.packets > 0\n",
        "",
        "tests/test_charger.py::test_the_duty_is_full_until_a_claim_is_stored_and_then_asks_for_state_c",
    ),
    Bug(
        "a residual-current device that never trips passes its test",
        "firmware/pole/residual_test.py",
        '        elif self._time.is_over(now_ms):\n            self._end("FAILED", now_ms)\n',
        '        elif self._time.is_over(now_ms):\n            self._end("PASSED", now_ms)\n',
        "tests/test_charger.py::test_without_a_passed_test_nothing_closes_and_it_is_tried_again",
    ),
    Bug(
        "a vehicle that leaves brings no test of the residual-current device",
        "firmware/pole/charger.py",
        "            self.test.expire()\n",
        "            pass\n",
        "tests/test_charger.py::test_the_device_is_tested_before_the_first_vehicle_and_after_each",
    ),
    Bug(
        "welded contacts that the auxiliary contact shows raise no alarm",
        "firmware/pole/charger.py",
        "        self._welding.raise_alarm()\n",
        "",
        "tests/test_charger.py::test_welded_contacts_raise_the_alarm_by_their_feedback_alone",
    ),
    Bug(
        "contacts that fall open are not noticed",
        "firmware/pole/charger.py",
        "            return errors.CONTACTOR_STUCK\n",
        "            return 0\n",
        "tests/test_charger.py::test_contacts_that_fall_open_are_a_fault",
    ),
    Bug(
        "a desk switches mains voltage",
        "firmware/pole/charger.py",
        "        if voltage_mv is None or abs(voltage_mv) > DESK_MV:\n",
        "        if voltage_mv is None:\n",
        "tests/test_charger.py::test_without_a_gate_a_pole_refuses_mains_voltage",
    ),
    Bug(
        "a voltage that nobody knows passes on a desk",
        "firmware/pole/charger.py",
        "        if voltage_mv is None or abs(voltage_mv) > DESK_MV:\n",
        "        if voltage_mv is None:\n"
        "            return 0\n"
        "        if abs(voltage_mv) > DESK_MV:\n",
        "tests/test_charger.py::test_without_a_gate_and_without_a_voltage_a_pole_closes_nothing",
    ),
    Bug(
        "a gate that is gone stays identified",
        "firmware/pole/charger.py",
        "        self.is_desk = self._board.gate() is None\n        limit_mw",
        "        limit_mw",
        "tests/test_charger.py::test_a_gate_that_is_gone_opens_the_contactor_at_mains_voltage",
    ),
    Bug(
        "the identity of a gate is not checked",
        "firmware/parts/gate_identity.py",
        '    if data[:4] != _MAGIC or crc32(data[:_CRC]) != int.from_bytes(data[_CRC:], "big"):\n',
        "    if data[:4] != _MAGIC:\n",
        "tests/test_machine_boards.py::test_an_identity_that_is_damaged_counts_for_nothing",
    ),
    Bug(
        "the emergency stop is not read",
        "firmware/boards/machine_board.py",
        '        if self._is_high("EMERGENCY", EMERGENCY):\n',
        '        if self._is_high("EMERGENCY", EMERGENCY) is None:\n',
        "tests/test_machine_boards.py::test_an_open_wire_of_a_part_is_a_hazard",
    ),
    Bug(
        "a pole cools by 1 degC only",
        "firmware/pole/charger.py",
        "        self._is_hot = celsius >= (COOL_C if self._is_hot else HOT_C)\n",
        "        self._is_hot = celsius >= HOT_C\n",
        "tests/test_charger.py::test_a_pole_that_was_too_hot_waits_until_it_is_cool",
    ),
    Bug(
        "a vehicle asks for power without a session",
        "firmware/vehicle/plug.py",
        "        if not is_connected or payer.session.state != OPEN:\n",
        "        if not is_connected:\n",
        "tests/test_plug.py::test_without_an_open_session_it_asks_for_nothing",
    ),
)


class Copy:
    """A copy of the tree in which bugs are planted, one at a time."""

    def __init__(self, directory: Path) -> None:
        """Copy the tree into `directory`, which must be empty or missing."""
        directory.mkdir(exist_ok=True)
        self._directory = directory
        self._environment = copy_tree(directory)

    def passes(self, *tests: str) -> bool:
        """Return whether the tests pass in the copy, without a bug."""
        return self._run(self._environment, *tests) == 0

    def sees(self, bug: Bug) -> bool:
        """Plant the bug, run its test, take the bug out; return whether the test failed.

        Raises:
            ValueError: the file does not hold, exactly once, the text that the bug replaces.
        """
        path = self._directory / bug.path
        text = path.read_text()
        if text.count(bug.right) != 1:
            raise ValueError(f"{bug.name}: {bug.path} does not hold what the bug replaces, once")
        environment = self._environment
        path.write_text(text.replace(bug.right, bug.wrong))
        try:
            if path.suffix == ".c" and bug.path.startswith("shared/"):
                library = _build(self._directory)
                environment = {**environment, "JOULESTREAM_NATIVE": str(library)}
            return self._run(environment, bug.test) == _FAILED
        finally:
            path.write_text(text)

    def _run(self, environment: dict[str, str], *tests: str) -> int:
        """Run tests in the copy; return pytest's exit status."""
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
        return progress.run(command, tests[0], self._directory, environment).returncode


def _build(directory: Path) -> Path:
    """Build the copy's C for CPython; return the library."""
    output = directory / "native"
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir()
    makefile = directory / "shared" / "ed25519" / "host.mk"
    settings = f"MONOCYPHER_DIR={sources.tree(sources.MONOCYPHER)}"
    shell.run(["make", "-s", "-C", str(output), "-f", str(makefile), settings], "building")
    return output / "libjoulestream_ed25519.so"


def main() -> int:
    """Plant the bugs named, or all; return 1 if one goes unseen."""
    wanted = [bug for bug in BUGS if not sys.argv[1:] or bug.name in sys.argv[1:]]
    unseen = 0
    with tempfile.TemporaryDirectory(prefix="joulestream-bugs-") as name:
        copy = Copy(Path(name))
        if not copy.passes(*sorted({bug.test for bug in wanted})):
            print("a test fails without any bug; run these tests first", file=sys.stderr)
            return 1
        for bug in wanted:
            seen = copy.sees(bug)
            unseen += not seen
            print(f"{'seen  ' if seen else 'UNSEEN'} {bug.name}: {bug.test}", flush=True)
    return 1 if unseen else 0


if __name__ == "__main__":
    sys.exit(main())
