//! A description of a database's schema that the database itself makes and compares, inside a transaction. A dump cannot
//! see what is not committed.

/// One line for each schema, relation, column, constraint, index, view, trigger, function, type, sequence, policy and
/// extension, without the system's own. Rows of tables are not described.
const LINES: &str = r"
select 'schema ' || nspname || ' ' || coalesce(nspacl::text, '') as line from pg_namespace n where &own
union all select 'relation ' || n.nspname || '.' || c.relname || ' ' || c.relkind::text || c.relpersistence::text || ' '
  || coalesce(c.reloptions::text, '') || ' ' || c.relrowsecurity || c.relforcerowsecurity || ' ' || coalesce(c.relacl::text, '')
  from pg_class c join pg_namespace n on n.oid = c.relnamespace where &own and c.relkind <> 't'
union all select 'column ' || n.nspname || '.' || c.relname || '.' || a.attname || ' '
  || row_number() over (partition by a.attrelid order by a.attnum) || ' ' || format_type(a.atttypid, a.atttypmod) || ' '
  || case when a.attnotnull then 'not null ' else '' end || coalesce(pg_get_expr(d.adbin, d.adrelid), '') || ' '
  || a.attidentity::text || a.attgenerated::text
  from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
  left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where &own and a.attnum > 0 and not a.attisdropped and c.relkind <> 't'
union all select 'constraint ' || n.nspname || '.' || k.conname || ' ' || coalesce(c.relname, '') || ' '
  || pg_get_constraintdef(k.oid)
  from pg_constraint k join pg_namespace n on n.oid = k.connamespace left join pg_class c on c.oid = k.conrelid where &own
union all select 'index ' || pg_get_indexdef(i.indexrelid) || ' ' || i.indisvalid
  from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace where &own
union all select 'view ' || n.nspname || '.' || c.relname || ' ' || pg_get_viewdef(c.oid)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace where &own and c.relkind in ('v', 'm')
union all select 'trigger ' || pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text
  from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
  where &own and not t.tgisinternal
union all select 'function ' || pg_get_functiondef(p.oid) || ' ' || coalesce(p.proacl::text, '')
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace where &own and p.prokind in ('f', 'p')
union all select 'type ' || n.nspname || '.' || t.typname || ' ' || t.typtype::text || ' '
  || coalesce((select string_agg(e.enumlabel, ',' order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid), '')
  from pg_type t join pg_namespace n on n.oid = t.typnamespace where &own and t.typtype in ('e', 'd', 'r')
union all select 'sequence ' || n.nspname || '.' || c.relname || ' ' || format_type(s.seqtypid, null) || ' ' || s.seqstart || ' '
  || s.seqincrement || ' ' || s.seqmin || ' ' || s.seqmax || ' ' || s.seqcycle
  from pg_sequence s join pg_class c on c.oid = s.seqrelid join pg_namespace n on n.oid = c.relnamespace where &own
union all select 'policy ' || n.nspname || '.' || c.relname || ' ' || p.polname || ' ' || p.polcmd::text || ' '
  || coalesce(pg_get_expr(p.polqual, p.polrelid), '') || ' ' || coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '')
  from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace where &own
union all select 'extension ' || extname || ' ' || extversion from pg_extension";
/// What is not the system's own, nor a temporary one's.
const OWN: &str = r"n.nspname !~ '^pg_' and n.nspname <> 'information_schema'";
/// Most differing lines that a message names.
const DIFFERING_MAX: usize = 20;

/// Remembers the schema until the end of the transaction.
pub(super) fn remember() -> String {
    format!("create temporary table cortex_change_before on commit drop as {};\n", lines())
}

/// Ends the transaction with an error that names what differs from what was remembered.
pub(super) fn compare(when: &str) -> String {
    let lines = lines();
    format!(
        r"do $cortex_change$ declare differing text; begin
with now as ({lines}), differs as (
  select 'no longer: ' || line as line from (select line from cortex_change_before except select line from now) gone
  union all select 'new: ' || line from (select line from now except select line from cortex_change_before) added)
select string_agg(left(line, 200), E'\n') into differing from (select line from differs order by line limit {DIFFERING_MAX}) few;
if differing is not null then raise exception E'{when} the schema is not as before:\n%', differing; end if;
end $cortex_change$;
"
    )
}

fn lines() -> String {
    LINES.replace("&own", OWN)
}
