# One job trains one variant, a block of its replicates. Its parameters are the whole truth about it: a changed
# setting re-runs this variant and nothing else, a change of the engine re-runs all.


rule train:
    input:
        unpack(data_of),
        references=lambda wildcards: sorted(files_referred(variant_of(wildcards).run)),
    output:
        paths.block("{experiment}", "{variant}", "{first}", "{last}"),
    log:
        paths.logs("train/{experiment}/{variant}/{first}-{last}"),
    benchmark:
        paths.benchmark("train/{experiment}/{variant}/{first}-{last}")
    retries: 2
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 400 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        run=lambda wildcards: variant_of(wildcards).canonical,
        seed=study.config.study_seed,
        data=data.directory,
        sources=training_digest(),
    shell:
        "chapter6 train --experiment {wildcards.experiment} --variant {wildcards.variant} --run {params.run:q}"
        " --first {wildcards.first} --last {wildcards.last} --seed {params.seed} --data {params.data}"
        " --output {output} 2> {log}"
