# The study of chapter 6, rule by rule. What is run stands in config/; how it is computed in src/chapter6/.
include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/search.smk"
include: "workflow/rules/clock.smk"
include: "workflow/rules/analyse.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/track.smk"


LONG_AGO = 10**9  # seconds, in 2001: older than any result


# On a cluster these stay on the submitting machine: they are short, or need the internet.
localrules:
    all,
    mnist,
    tabulate,
    judge,
    collect,
    draw,
    page,
    store,
    track_experiment,
    track,


rule all:
    default_target: True
    input:
        paths.page,
        paths.claims(),
        all_results,
        tracked_experiments,


onstart:
    # Not a rule: below a job that has to run, Snakemake looks for no other changes, and ancient input starts nothing.
    write_json(paths.settings, plain(study.config))
    stop_looking_in_vain(workflow.scheduler)


onerror:
    # The one without the other is better than neither, and each says itself what stops it.
    shell(
        f"chapter6 collect --study {paths.settings} --incomplete || true;"
        f" chapter6 render --study {paths.settings} --incomplete || true"
    )
    for file in filter(os.path.exists, [paths.page, paths.claims()]):
        os.utime(file, (LONG_AGO, LONG_AGO))  # else the next run would take them for what their own jobs have made
