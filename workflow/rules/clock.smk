# Times of updates and evaluations. The job asks for all cores, each other one for a core: so nothing runs beside it. It
# comes when they are free, towards the end. On a cluster it asks for one core of a machine that it shares with nobody.
rule clock:
    input:
        unpack(lambda w: mnist_for([variant.run for variant in experiment_of(w).timing.variants])),
        order=paths.order("clock", "{experiment}"),
        taken=lambda w: sorted({file for variant in experiment_of(w).timing.variants for file in variant.taken.files}),
    output:
        paths.times("{experiment}"),
    log:
        paths.logs("clock/{experiment}"),
    benchmark:
        paths.benchmark("clock/{experiment}")
    retries: 2
    conda:
        ENVIRONMENT
    threads: workflow.resource_settings.cores or 1
    resources:
        mem_mb=lambda wildcards, attempt: 400 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        data=data.directory,
    shell:
        "chapter6 clock --order {input.order} --data {params.data:q} --output {output} 2> {log}"
