# One job trains replicates of one variant, or of several small ones. Its order is the whole truth about it: a changed
# setting re-runs the job that trains this variant (what it trained before and still holds, it skips), a change of the
# code re-runs those that use it.


rule train:
    input:
        unpack(data_of_job),
        order=paths.order("train", "{experiment}/{job}"),
        before=lambda w: study.jobs_before(w.experiment, job_of(w).blocks),
        taken=lambda w: sorted({file for block in job_of(w).blocks for file in block.variant.taken.files}),
    output:
        paths.trained("{experiment}", "{job}"),
    log:
        paths.logs("train/{experiment}/{job}"),
    benchmark:
        paths.benchmark("train/{experiment}/{job}")
    retries: 2
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: (700 if study.is_live else 400) * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        folder=lambda wildcards: paths.runs(wildcards.experiment),
        data=data.directory,
        known=paths.run_cache,
    shell:
        "chapter6 train --order {input.order} --folder {params.folder} --data {params.data:q} --known {params.known}"
        " --output {output} 2> {log}"
