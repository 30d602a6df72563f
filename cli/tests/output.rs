//! What the program prints, compared with the files in `cmd/`. After a change that is meant,
//! `TRYCMD=overwrite cargo test -p wsframe-cli --test output` writes them anew; read the difference.

#[test]
fn output_is_as_in_the_files() {
    trycmd::TestCases::new().case("tests/cmd/*.trycmd").env("NO_COLOR", "1");
}
