{#-
  The vault's SQL. keyed_hash(), vault_key() and vault_key_id() are functions of the session, which src/precision_marketing/privacy/vault.py
  registers; they exist in in-process and Spark Connect sessions, not in those of a thrift server.
-#}

{#- A value as AES-256-GCM ciphertext in base64: nonce (12 bytes), ciphertext, tag (16 bytes). Bound to its column and customer. -#}
{% macro encrypt(column) -%}
    base64(aes_encrypt({{ column }}, vault_key(vault_key_id()), 'GCM', 'DEFAULT', '', {{ bound_to(column) }}))
{%- endmacro %}


{#- The additional data of a value of the vault: its column and its customer. -#}
{% macro bound_to(column) -%}
    concat('{{ column }} of ', customer_id)
{%- endmacro %}


{#-
  The value behind `<column>_encrypted`, for a query on customer_vault; needs its columns customer_id and key_id. The query
  fails if the key is unknown or wrong, or if a value was changed or belongs to another column or customer. A value of an earlier
  release is bound to its customer alone; it has a key that nothing is encrypted with any more.
-#}
{% macro decrypt(column) -%}
    {%- do require_session_functions() -%}
    case when {{ column }}_encrypted is not null then coalesce(
        {%- for bound in [bound_to(column), 'customer_id'] %}
        decode(try_aes_decrypt(
            unbase64({{ column }}_encrypted), vault_key(key_id), 'GCM', 'DEFAULT', {{ bound }}
        ), 'utf-8'),
        {%- endfor %}
        raise_error(concat(
            'customer_vault: {{ column }} of customer ', customer_id, ' does not decrypt with key ', key_id,
            ': the value, its column or the customer id was changed'
        ))
    ) end
{%- endmacro %}


{#- Raise an error if a statement would run in a session without the functions. -#}
{% macro require_session_functions() -%}
    {%- set is_session_table = model is defined and model.config.materialized == 'session_table' -%}
    {%- if execute and flags.WHICH in ['show', 'run', 'build', 'run-operation'] and not is_session_table -%}
        {%- if not run_query("show user functions like 'vault_key'").rows | length -%}
            {%- do exceptions.raise_compiler_error(
                'This session cannot decrypt. The keys of the vault never go to a thrift server: there, use --target connect '
                ~ 'or materialized: session_table. On other targets set the keys, see docs/privacy.md.'
            ) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{#- SHA-256 of a telephone number without punctuation and without China's country code, as ad partners send it. -#}
{% macro phone_sha256(column) -%}
    {%- set digits -%} regexp_replace(regexp_replace({{ column }}, '^([+]|00)86', ''), '[^0-9]', '') {%- endset -%}
    case when length({{ digits }}) >= 7 then sha2({{ digits }}, 256) end
{%- endmacro %}


{#- SHA-256 of an e-mail address in lower case. -#}
{% macro email_sha256(column) -%}
    case when {{ column }} rlike '^[^@ ]+@[^@ ]+[.][^@ ]+$' then sha2(lower({{ column }}), 256) end
{%- endmacro %}


{#-
  Encrypt every value of the vault anew: dbt run-operation rotate_vault_key, with the new key in MARKETING_AES_KEY and the
  old one in MARKETING_AES_KEY_OLD. The new table takes the old one's place once it is proved to hold the same values.
-#}
{% macro rotate_vault_key() -%}
    {%- do require_session_functions() -%}
    {%- set vault = ref('customer_vault') -%}
    {%- set rotated = vault.incorporate(path={'identifier': vault.identifier ~ '__rotated'}) -%}
    {%- set replaced = vault.incorporate(path={'identifier': vault.identifier ~ '__replaced'}) -%}

    {#- A rotation that was killed between its two renames. -#}
    {%- if load_relation(vault) is none and load_relation(replaced) is not none -%}
        {%- do run_query('alter table ' ~ replaced ~ ' rename to ' ~ vault) -%}
    {%- endif -%}

    {%- do run_query('drop table if exists ' ~ rotated) -%}
    {%- do run_query('create table ' ~ rotated ~ ' using parquet as ' ~ reencrypted(vault)) -%}
    {%- set before = vault_fingerprint(vault) -%}
    {%- set after = vault_fingerprint(rotated) -%}
    {%- set left_over = run_query('select count(*) from ' ~ rotated ~ ' where key_id <> vault_key_id()').rows[0][0] -%}
    {%- if before != after or left_over -%}
        {%- do exceptions.raise_compiler_error(
            'The vault stays as it was, for the rotated one differs: ' ~ before ~ ' before, ' ~ after ~ ' after, '
            ~ left_over ~ ' rows with another key.'
        ) -%}
    {%- endif -%}

    {%- do run_query('drop table if exists ' ~ replaced) -%}
    {%- do run_query('alter table ' ~ vault ~ ' rename to ' ~ replaced) -%}
    {%- do run_query('alter table ' ~ rotated ~ ' rename to ' ~ vault) -%}
    {%- do run_query('drop table ' ~ replaced) -%}
    {{ log('Rotated ' ~ vault ~ ': ' ~ after ~ ', equal before and after.', info=true) }}
{%- endmacro %}


{% macro vault_columns() -%}
    {{ return(['name', 'phone', 'email', 'id_number', 'address']) }}
{%- endmacro %}


{#- The rows of a vault, encrypted with the current key. -#}
{% macro reencrypted(vault) -%}
    with plain as (
        select
            customer_id{% for column in vault_columns() %},
            {{ decrypt(column) }} as {{ column }}{% endfor %}
        from {{ vault }}
    )
    select
        customer_id{% for column in vault_columns() %},
        {{ encrypt(column) }} as {{ column }}_encrypted{% endfor %},
        vault_key_id() as key_id
    from plain
{%- endmacro %}


{#- How many customers a vault has, and a checksum of all their decrypted values. -#}
{% macro vault_fingerprint(vault) -%}
    {%- set query -%}
        select concat(count(*), ' customers, checksum ', coalesce(sum(cast(xxhash64(
            customer_id{% for column in vault_columns() %}, coalesce({{ decrypt(column) }}, ''){% endfor %}
        ) as decimal(38, 0))), 0))
        from {{ vault }}
    {%- endset -%}
    {{ return(run_query(query).rows[0][0]) }}
{%- endmacro %}
