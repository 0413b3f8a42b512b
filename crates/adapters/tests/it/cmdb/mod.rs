mod kubernetes;
mod limits;
mod workbench;
