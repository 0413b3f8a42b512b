use adapters::git::FileKind;

#[test]
fn files_are_sorted_by_what_they_are_for() {
    use FileKind::{Configuration, Other, SchemaMigration};
    for (path, kind) in [
        ("app/migrations/0001_initial.py", SchemaMigration),
        ("db/migrate/20260101_create.rb", SchemaMigration),
        ("alembic/versions/ab12_add.py", SchemaMigration),
        ("src/main/resources/db/migration/V1__create.sql", SchemaMigration),
        ("sql/V1_2.3__split.java", SchemaMigration),
        ("R__views.py", SchemaMigration),
        ("schema.SQL", SchemaMigration),
        ("db/changelog/db.changelog-master.yaml", SchemaMigration),
        ("db/schema.rb", SchemaMigration),
        ("prisma/schema.prisma", SchemaMigration),
        ("Migrations/20260101_Init.cs", SchemaMigration),
        ("docs/migrations/guide.md", Other),
        ("internal/db/connection.go", Other),
        ("src/v1__x/mod.rs", Other),
        ("src/vx__y.rs", Other),
        ("config/app.yaml", Configuration),
        (".github/workflows/ci.yml", Configuration),
        ("Cargo.toml", Configuration),
        ("package.json", Configuration),
        ("app.ini", Configuration),
        ("nginx.conf", Configuration),
        (".env", Configuration),
        (".env.production", Configuration),
        ("gradle.properties", Configuration),
        ("infra/main.tf", Configuration),
        ("infra/prod.tfvars", Configuration),
        ("Dockerfile", Configuration),
        ("deploy/Dockerfile.release", Configuration),
        ("worker.dockerfile", Configuration),
        ("chart/templates/_helpers.tpl", Configuration),
        ("policies/approve.cedar", Configuration),
        ("package-lock.json", Other),
        ("src/config.rs", Other),
        ("src/environment.py", Other),
        ("dockerfiles.py", Other),
        ("README.md", Other),
        ("Makefile", Other),
        ("", Other),
    ] {
        assert_eq!(FileKind::of(path), kind, "{path}");
    }
}
