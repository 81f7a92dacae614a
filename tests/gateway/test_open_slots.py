"""One point's open slot: when slots close, what silence and falls do, and that a restart changes nothing."""

from __future__ import annotations

from gateway.intervals import CounterSpec, GaugeSpec, Sample
from gateway.model import QUARTER_MS, Content
from gateway.open_slots import CLOSED_MAX, OpenSlots

T0 = 1_764_000_000_000 - 1_764_000_000_000 % QUARTER_MS
MINUTE = 60_000
SPEC = CounterSpec("m.energy_import")


def sample(minutes: float, steps: int) -> Sample:
    return Sample(T0 + round(minutes * MINUTE), steps, 2 * MINUTE)


def test_a_slot_closes_at_the_first_good_sample_after_its_end() -> None:
    slots = OpenSlots(SPEC, MINUTE, sample(0, 0))
    assert slots.add(sample(14, 14)) == []
    (closed,) = slots.add(sample(15.5, 16))
    assert (closed.content, closed.steps) == (Content.MEASURED, 15)


def test_a_silent_counter_is_missing_after_its_grace_and_estimated_once_it_speaks_again() -> None:
    slots = OpenSlots(SPEC, MINUTE, sample(0, 0))
    slots.add(sample(10, 10))
    assert slots.expire(T0 + QUARTER_MS + MINUTE) == []
    (missing,) = slots.expire(T0 + QUARTER_MS + 3 * MINUTE)
    assert missing.content is Content.MISSING
    again = slots.add(sample(40, 40))
    assert [(i.start, i.content) for i in again] == [
        (T0, Content.ESTIMATED),
        (T0 + QUARTER_MS, Content.ESTIMATED),
    ]
    assert sum(i.steps or 0 for i in again) == 30


def test_a_one_sample_dip_is_left_out_and_told() -> None:
    slots = OpenSlots(SPEC, MINUTE, sample(0, 5000))
    slots.add(sample(1, 0))
    slots.add(sample(2, 5002))
    (closed,) = slots.add(sample(15, 5015))
    assert closed.steps == 15
    assert [dip.steps for dip in slots.dips] == [0]


def test_two_low_samples_are_a_reset_and_consume_only_what_came_after() -> None:
    slots = OpenSlots(SPEC, MINUTE, sample(0, 5000))
    slots.add(sample(5, 5005))
    slots.add(sample(6, 2))
    slots.add(sample(7, 3))
    (closed,) = slots.add(sample(15, 11))
    assert closed.steps == 5 + 9
    assert len(slots.resets) == 1


def test_a_meter_that_says_nought_while_it_begins_has_not_been_reset() -> None:
    slots = OpenSlots(SPEC, MINUTE, sample(0, 5000))
    for minute in (1, 1.5, 2, 3):
        slots.add(sample(minute, 0))
    slots.add(sample(4, 5004))
    (closed,) = slots.add(sample(15, 5015))
    assert (closed.steps, len(slots.dips), slots.resets) == (15, 4, [])


def test_a_reset_near_the_registers_end_stays_one_however_long_it_stands_still() -> None:
    spec = CounterSpec("m.energy_import", modulus=10_000, rise_max_per_ms=17 / MINUTE)
    slots = OpenSlots(spec, MINUTE, sample(0, 9_900))
    for minute in range(8, 14):  # 147 steps are too many for 8 minutes, and not for 9
        slots.add(sample(minute, 47))
    (closed,) = slots.add(sample(15, 47))
    assert (closed.steps, len(slots.resets)) == (0, 1)


def test_a_new_register_that_stands_still_is_a_reset_and_measured_from_its_first_sample() -> None:
    slots = OpenSlots(SPEC, MINUTE, sample(0, 5000))
    for minute in range(5, 19):
        slots.add(sample(minute, 0))
    (closed,) = slots.add(sample(30, 6))[-1:]
    assert len(slots.resets) == 1
    assert slots.resets[0][1].at == sample(5, 0).at
    assert closed.start_steps == 0


def test_one_step_back_is_rounding() -> None:
    slots = OpenSlots(SPEC, MINUTE, sample(0, 100))
    slots.add(sample(1, 99))
    (closed,) = slots.add(sample(15, 110))
    assert (closed.steps, slots.resets, slots.dips) == (10, [], [])


def test_a_restart_at_any_sample_gives_the_same_intervals() -> None:
    samples = [sample(i * 0.7, i * 3) for i in range(100)]
    whole = OpenSlots(SPEC, MINUTE, samples[0])
    wanted = [interval for s in samples[1:] for interval in whole.add(s)]
    for cut in range(1, len(samples)):
        before = OpenSlots(SPEC, MINUTE, samples[0])
        got = [interval for s in samples[1:cut] for interval in before.add(s)]
        after = OpenSlots.restore(SPEC, MINUTE, before.mark())
        # What was read before the restart is read once more from the buffer and closes nothing twice.
        for s in samples[1:cut]:
            if s.at > after.newest.at:
                assert after.add(s) == []
        got += [interval for s in samples[cut:] for interval in after.add(s)]
        assert got == wanted


def test_a_restart_during_a_silence_still_spreads_what_flowed() -> None:
    slots = OpenSlots(SPEC, MINUTE, sample(0, 0))
    for minute in (3, 6, 9):
        slots.add(sample(minute, minute))
    slots.expire(T0 + 60 * MINUTE)
    again = OpenSlots.restore(SPEC, MINUTE, slots.mark()).add(sample(90, 90))
    assert again == slots.add(sample(90, 90))
    assert sum(i.steps or 0 for i in again) == 90


def test_a_gauge_closes_for_good_with_what_it_had() -> None:
    slots = OpenSlots(GaugeSpec("r.co2", 1, 1), MINUTE, sample(0, 400))
    (closed,) = slots.expire(T0 + 20 * MINUTE)
    assert (closed.content, closed.mean) == (Content.ESTIMATED, 400)
    assert slots.expire(T0 + 20 * MINUTE) == []


def test_a_new_counter_that_falls_silent_in_its_first_slot_is_not_measured_from_the_slots_start() -> None:
    slots = OpenSlots(SPEC, MINUTE, sample(5, 5))
    slots.add(sample(12, 12))
    slots.expire(T0 + QUARTER_MS + 3 * MINUTE)
    for told in (OpenSlots.restore(SPEC, MINUTE, slots.mark()), slots):
        (again,) = told.add(sample(16, 16))
        assert (again.content, again.steps, again.share < 0.7) == (Content.ESTIMATED, 10, True)


def test_a_corrected_left_neighbour_counts_in_the_open_slot_too() -> None:
    spec = GaugeSpec("room.co2", 1, 1)
    slots = OpenSlots(spec, MINUTE, sample(14, 100))
    slots.add(sample(16, 500))
    slots.insert(sample(14, 400))
    (closed,) = slots.add(sample(31, 500))
    assert closed.low == 400


def test_a_leap_of_the_clock_closes_a_day_of_slots_at_a_time_and_all_of_them_in_the_end() -> None:
    slots = OpenSlots(SPEC, MINUTE, sample(0, 0))
    closed = slots.add(sample(10 * 24 * 60, 960))
    assert (len(closed), slots.is_behind) == (CLOSED_MAX, True)
    while more := slots.catch_up():
        assert len(more) <= CLOSED_MAX
        closed += more
    assert [i.start for i in closed] == [T0 + n * QUARTER_MS for n in range(960)]
    assert sum(i.steps or 0 for i in closed) == 960
    assert slots.add(sample(10 * 24 * 60 + 15, 975))[0].steps == 15


def test_samples_that_come_while_slots_are_still_to_be_closed_are_counted() -> None:
    slots = OpenSlots(SPEC, MINUTE, sample(0, 0))
    closed = slots.add(sample(3 * 24 * 60, 288))
    for minute in range(1, 40):
        closed += slots.add(sample(3 * 24 * 60 + minute, 288 + minute))
    assert not slots.is_behind
    assert [i.start for i in closed] == [T0 + n * QUARTER_MS for n in range(290)]
    assert [i.steps for i in closed[-2:]] == [15, 15]


def test_silence_expires_a_day_of_slots_at_a_time() -> None:
    slots = OpenSlots(SPEC, MINUTE, sample(0, 0))
    now = T0 + 10 * 365 * 96 * QUARTER_MS
    assert [len(slots.expire(now)) for _ in range(3)] == [CLOSED_MAX] * 3
    (first, *_), told = slots.add(sample(4 * 24 * 60, 400)), slots.closed_to
    assert (first.start, first.content) == (T0, Content.ESTIMATED)
    assert told == T0 + 3 * CLOSED_MAX * QUARTER_MS


def test_a_fall_from_which_nobody_could_have_risen_so_fast_was_a_dip() -> None:
    spec = CounterSpec("m.e", rise_max_per_ms=17 / MINUTE)
    slots = OpenSlots(spec, MINUTE, sample(0, 90_000))  # the very first reading is garbage
    for minute, steps in ((1, 0), (2, 5_000), (3, 5_001)):
        slots.add(sample(minute, steps))
    (closed,) = slots.add(sample(15, 5_013))
    assert closed.steps == 13
    assert [dip.steps for dip in slots.dips] == [0]


def test_two_words_of_garbage_in_a_row_that_fall_are_no_reset() -> None:
    slots = OpenSlots(SPEC, MINUTE, sample(0, 90_000))
    for minute, steps in ((1, 90_001), (2, 40_000), (3, 20_000), (4, 90_004)):
        slots.add(sample(minute, steps))
    (closed,) = slots.add(sample(15, 90_015))
    assert closed.steps == 15
    assert ([dip.steps for dip in slots.dips], slots.resets) == ([40_000, 20_000], [])


def test_two_resets_in_a_row_consume_only_what_came_after() -> None:
    slots = OpenSlots(SPEC, MINUTE, sample(0, 5000))
    for minute, steps in ((5, 5005), (6, 4), (7, 1), (8, 2)):
        slots.add(sample(minute, steps))
    (closed,) = slots.add(sample(15, 9))
    assert closed.steps == 5 + 8
    assert [(before.steps, after.steps) for before, after in slots.resets] == [(5005, 1)]


def test_two_dips_with_a_step_back_between_them_are_no_reset() -> None:
    slots = OpenSlots(SPEC, MINUTE, sample(0, 5000))
    for minute, steps in ((1, 0), (2, 4999), (3, 0), (4, 5001)):
        slots.add(sample(minute, steps))
    (closed,) = slots.add(sample(15, 5010))
    assert (closed.steps, len(slots.dips), slots.resets) == (10, 2, [])


def test_a_silent_counter_that_is_replaced_before_it_speaks_again_keeps_what_flowed_through_a_restart() -> (
    None
):
    spec = CounterSpec("m.energy_import", replaced=frozenset({T0 + 9 * MINUTE}))
    slots = OpenSlots(spec, MINUTE, sample(0, 5000))
    slots.add(sample(2, 5020))
    slots.expire(T0 + 20 * MINUTE)
    slots.add(sample(9, 5090))  # the old meter's last register, told late, and the new one's first
    slots.add(Sample(T0 + 9 * MINUTE + 1, 7, 2 * MINUTE))
    again = OpenSlots.restore(spec, MINUTE, slots.mark())
    (closed,) = again.add(sample(21, 19))
    assert closed.steps == 90 + 6


def test_a_states_change_at_the_very_beginning_of_a_slot_counts_in_it_through_a_restart_too() -> None:
    spec = GaugeSpec("d.door_open", 1, 1, is_state=True)
    slots = OpenSlots(spec, MINUTE, sample(14, 0))
    slots.add(sample(15, 1))
    slots.add(sample(16, 1))
    again = OpenSlots.restore(spec, MINUTE, slots.mark())
    for one in (sample(15, 1), sample(16, 1)):
        again.add(one)
    assert [known.add(sample(30, 1))[0].changes for known in (slots, again)] == [1, 1]


def test_a_late_word_for_the_beginning_of_a_states_slot_takes_the_place_of_the_one_there() -> None:
    spec = GaugeSpec("d.door_open", 1, 1, is_state=True)
    slots = OpenSlots(spec, MINUTE, sample(14, 0))
    slots.add(sample(15, 1))
    slots.insert(sample(15, 0))
    assert slots.add(sample(30, 0))[0].changes == 0


def test_a_late_word_before_a_states_first_one_makes_that_a_change_also_where_it_stands_on_a_boundary() -> (
    None
):
    spec = GaugeSpec("d.door_open", 1, 1, is_state=True)
    slots = OpenSlots(spec, MINUTE, sample(15, 0))
    slots.insert(sample(14, 1))
    assert slots.add(sample(30, 0))[0].changes == 1
