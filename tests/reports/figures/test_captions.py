from reports.figures import captions


def test_every_caption_says_n_and_what_a_seed_drew(detailed, costs):
    results = detailed
    written = [
        captions.estimation(results),
        captions.curves(results, "loss"),
        captions.cost(results, costs),
        captions.layers(results),
        captions.shift(results),
    ]
    for caption in written:
        assert "n = 4 to 5 seeds an arm" in caption
        assert captions.RANDOMISED in caption


def test_the_estimation_caption_says_what_both_bars_are(results):
    caption = captions.estimation(results)
    assert "its own 95\N{NO-BREAK SPACE}% t interval" in caption
    assert "4 to 5 pairs with the simultaneous interval (paired t" in caption
    assert (
        "all intervals of a family hold together with 95\N{NO-BREAK SPACE}% confidence" in caption
    )


def test_intervals_are_not_promised_where_none_is_drawn(one_seed):
    caption = captions.estimation(one_seed)
    assert "95" not in caption
    assert "too few pairs" in caption


def test_growth_says_that_it_is_counted_and_which_arms_share_a_line(results):
    caption = captions.growth(results)
    assert "no seed and no interval" in caption
    assert "control, activation=relu, pooling=avg" in caption


def test_the_text_for_the_estimation_plot_reads_its_numbers(results):
    assert "activation=relu - control: +1.94 points, better" in captions.alt(
        results, "Every seed", is_estimation=True
    )


def test_one_seed_is_singular():
    assert captions.n_seeds({"arms": [{"n_finished": 1}]}) == "n = 1 seed an arm"


def test_costs_say_where_they_were_measured_and_what_a_filled_mark_is_worth(results, costs):
    caption = captions.cost(results, costs)
    assert "Seconds and latency on cpu: Example Processor, 1 thread" in caption
    assert "luck alone" in caption
    for arm in results["arms"]:
        arm["ci"] = None
    assert "interval" not in captions.cost(results, costs)
    assert "Seconds" not in captions.cost(results, costs | {"device": ["cpu", "cuda"]})


def test_looks_budget_and_errors_say_what_they_rest_on(detailed):
    assert "(n = 5, 10, 15 pairs)" in captions.looks(detailed)
    assert "n = 20 trials an arm" in captions.budget(detailed)
    caption = captions.classes(detailed)
    assert "Exploratory" in caption
    assert "n = 5 pairs, with paired t intervals" in caption
    assert "n = 5 pairs" in captions.images(detailed)


def test_the_worst_confusion_is_named_with_its_share(detailed):
    shares = [row for arm in detailed["per_class"]["arms"] for row in arm["confusion"]]
    most = max(x for number, row in enumerate(shares) for j, x in enumerate(row) if j != number % 8)
    assert f"The darkest is {100 * most:.1f}" in captions.confusion(detailed)


def test_no_caption_promises_an_interval_that_is_not_drawn(one_seed, costs):
    one_seed["probes"]["gradient_flow"] = [
        {"arm": "control", "comparison": "shared", "metric": "saturation/conv1", "ci": None}
    ]
    written = [captions.cost(one_seed, costs), captions.shift(one_seed), captions.layers(one_seed)]
    assert not any("interval" in caption for caption in written)


def test_levels_follow_the_studys_alpha(detailed, costs):
    detailed["endpoint"]["alpha"] = 0.01
    for caption in (captions.estimation(detailed), captions.cost(detailed, costs)):
        assert "99\N{NO-BREAK SPACE}% t interval" in caption
        assert "95" not in caption
